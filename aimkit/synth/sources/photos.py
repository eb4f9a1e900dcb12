"""Foregrounds from photos and their alpha mattes: the foreground's colours are estimated, once per photo."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from aimkit import console
from aimkit.bounds import Name
from aimkit.cache import cache_folder
from aimkit.datasets.find import subfolder
from aimkit.datasets.scan_report import ScanReport
from aimkit.errors import AimkitError
from aimkit.imageio import read_rgb, write_png
from aimkit.matting.foreground import Method, estimate
from aimkit.storage import Place, place
from aimkit.synth.source import foreground_sources
from aimkit.synth.sources.inspect_stored import ForegroundReader
from aimkit.synth.sources.pairs import decode, pair
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, open_stored
from aimkit.types import Array, UInt8, to_float

#: Part of the cache's keys, raised whenever an estimate changes: colours of an older version are not taken.
_EDITION = 2


class Photos(StoredBlock):
    """Photos ``path/original/NAME`` and mattes ``path/mask/NAME``, as in AM-2k and AIM-500, paired like "pairs".

    Attributes:
        image: Folder of the photos; "original", "image" or "im" when empty.
        alpha: Folder of the mattes; "mask" or "alpha" when empty.
        method: How colours are estimated, see :func:`aimkit.matting.foreground.estimate`.
    """

    source: Literal["photos"] = "photos"
    image: Name = ""
    alpha: Name = ""
    method: Method = "multilevel"

    def searched(self) -> list[Place]:
        """The folders of photos and mattes."""
        root = place(self.path)
        images = subfolder(root, self.image, ("original", "image", "im"), "image")
        return [images, subfolder(root, self.alpha, ("mask", "alpha"), "alpha")]


@foreground_sources.register("photos", params=Photos)
def photos(block: Photos) -> StoredForegrounds:
    """Two folders with files of the same names: photos and alpha mattes."""
    images, mattes = block.searched()
    report = ScanReport(block.title, str(place(block.path)))
    found = pair(images, mattes, block, report)
    finish = partial(estimated, method=block.method)
    return open_stored(block, found, report, ForegroundReader(decode), finish=finish)


def estimated(rgb: UInt8, alpha: Array, digest: str, method: Method = "multilevel") -> UInt8:
    """Estimate the foreground colour of a photo, or take it from the cache.

    Args:
        rgb: The photo, uint8, (H, W, 3).
        alpha: Its matte, uint8 or float32 in [0, 1], (H, W).
        digest: SHA-256 (hex) of both files; the key in the cache, with the method and its edition.
        method: Method of :func:`aimkit.matting.foreground.estimate`.

    Returns:
        Foreground colour, uint8, (H, W, 3).
    """
    path = cache_folder("foregrounds") / digest[:2] / f"{digest}-{method}-{_EDITION}.png"
    known = _read(path)
    if known is not None and known.shape == rgb.shape:
        return known
    color: UInt8 = estimate(rgb, to_float(alpha), method)
    try:
        write_png(path, color)
    except AimkitError as error:
        console.detail(f"the estimated foreground is not cached: {error.what}")
    return color


def _read(path: Path) -> UInt8 | None:
    try:
        return read_rgb(path)
    except AimkitError:
        return None
