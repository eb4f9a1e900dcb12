"""Procedural foregrounds, one file each: exact in colour and alpha."""
