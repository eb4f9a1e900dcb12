"""Sources of foregrounds and backgrounds, one file each; see :mod:`aimkit.synth.source`."""
