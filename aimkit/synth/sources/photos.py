"""Foregrounds from photos and their alpha mattes: the foreground's colours are estimated, once for each photo."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from aimkit import console
from aimkit.cache import cache_folder
from aimkit.datasets.scan import ScanReport, read_exclude, subfolder
from aimkit.errors import AimkitError
from aimkit.imageio import read_rgb, write_png
from aimkit.matting.foreground import Method, estimate
from aimkit.storage import place
from aimkit.synth.source import foreground_sources
from aimkit.synth.sources.pairs import decode, pair
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, open_stored
from aimkit.types import Array, UInt8, to_float

#: Part of the cache's keys, raised whenever an estimate changes: colours of an older version are not taken.
_EDITION = 2


class Photos(StoredBlock):
    """``path/original/NAME`` and ``path/mask/NAME``, as in AM-2k and AIM-500; suffixes may differ.

    Attributes:
        image: Folder of the photos; "original", "image" or "im" when empty.
        alpha: Folder of the mattes; "mask" or "alpha" when empty.
        method: How colours are estimated, see :func:`aimkit.matting.foreground.estimate`.
    """

    source: Literal["photos"] = "photos"
    image: str = ""
    alpha: str = ""
    method: Method = "multilevel"


@foreground_sources.register("photos", params=Photos)
def photos(block: Photos) -> StoredForegrounds:
    """Two folders with files of the same names: photos and alpha mattes."""
    root = place(block.path)
    report = ScanReport(block.title, str(root))
    images = subfolder(root, block.image, ("original", "image", "im"), "image")
    alphas = subfolder(root, block.alpha, ("mask", "alpha"), "alpha")
    found = pair(images, alphas, read_exclude(block.exclude), report)
    return open_stored(block, found, report, decode, finish=partial(estimated, method=block.method))


def estimated(rgb: UInt8, alpha: Array, digest: str, method: Method = "multilevel") -> UInt8:
    """The foreground colour of a photo, from the cache when it was estimated before.

    Args:
        rgb: The photo, (H, W, 3).
        alpha: Its matte, (H, W).
        digest: SHA-256 of both files; the key in the cache, with the method and its edition.
        method: As for :func:`aimkit.matting.foreground.estimate`.
    """
    path = cache_folder("foregrounds") / digest[:2] / f"{digest}-{method}-{_EDITION}.png"
    known = _read(path)
    if known is not None and known.shape == rgb.shape:
        return known
    color: UInt8 = estimate(rgb, to_float(alpha), method)
    try:
        write_png(path, color)
    except AimkitError as error:
        console.detail(f"the estimated foreground is not remembered: {error.what}")
    return color


def _read(path: Path) -> UInt8 | None:
    try:
        return read_rgb(path)
    except AimkitError:
        return None
