"""Small images on disk, and a cache of its own for every test."""

from image_sources import home, make, open_source

__all__ = ["home", "make", "open_source"]
