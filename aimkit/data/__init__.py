"""Torch datasets over samples: made on the fly, written, or read from folders; transforms; the resumable sampler."""
