"""Publish weights: make a run a zoo entry, convert files, check manifests, push to the hub, write model cards."""
