"""Kinds of foreground and background sources, one file each; see :mod:`aimkit.synth.source`."""
