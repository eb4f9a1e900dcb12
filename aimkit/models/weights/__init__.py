"""Weights files: their official names, their formats, and loading them into networks."""
