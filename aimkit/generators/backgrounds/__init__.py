"""Procedural backgrounds, one file each."""
