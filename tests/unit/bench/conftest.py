"""A recipe that trains in seconds."""

from small_run import held_out, recipe

__all__ = ["held_out", "recipe"]
