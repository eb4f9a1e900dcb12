"""Pictures without fine detail (blurred, or enlarged from a smaller one), and pictures that compression spoiled."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.types import Float, UInt8

#: Pixels of the square tiles, and how many are looked at: those with most detail, since the rest may be out of focus.
_TILE, _TILES = 128, 6

#: Two bands of frequencies, in cycles a pixel, and the decibels by which the finer may lie below the coarser. Slight
#: blur and enlargement empty the finest band, strong blur the coarser ones. Measured on 110 photos, as they are (none
#: beyond), enlarged to 2 and 3 times the size (87 and 106), and blurred by Gaussians of 1.5, 2.5 and 4 pixels (103 and
#: more).
_FALLS = (((0.10, 0.16), (0.32, 0.5), 24.5), ((0.06, 0.10), (0.25, 0.32), 25.0), ((0.03, 0.06), (0.16, 0.25), 28.5))

#: Largest share of a photo's levels that may change at the borders of 8 x 8 blocks, relative to elsewhere.
_BLOCKS = 2.3

#: Lowest quality of a JPEG that is not told.
_QUALITY = 50


@picture_checks.register(
    "no-detail",
    severity="warning",
    advice="Get the original, or reduce the picture: its detail does not fill its resolution.",
)
def no_detail(view: LintView) -> str:
    """A picture that is blurred everywhere, or was enlarged."""
    if not _is_photo(view):
        return ""
    excess = spectral_fall(view.grey)
    return "it has no fine detail, as if it were enlarged or blurred" if excess > 0 else ""


@picture_checks.register(
    "compressed",
    severity="warning",
    advice="Get the original: a network learns the blocks, and mattes follow their borders.",
)
def compressed(view: LintView) -> str:
    """A JPEG of low quality, or a picture that shows JPEG blocks."""
    quality = view.headers[0].quality
    if 0 < quality < _QUALITY:
        return f"it is a JPEG of quality {quality}"
    if not _is_photo(view) or min(view.grey.shape) < 64:
        return ""
    found = blockiness(view.grey)
    return f"it shows the 8 x 8 blocks of heavy compression ({found:.1f} times)" if found > _BLOCKS else ""


def _is_photo(view: LintView) -> bool:
    """Whether the colours are those of a camera everywhere; those of cut-outs are filled in where nothing is seen."""
    return view.item.role == "photo" or (view.item.role == "single" and view.matte is None)


def spectral_fall(grey: UInt8) -> float:
    """How much further the spectrum falls than that of a sharp photo, in decibels; 0 or less for sharp ones.

    The tile with most detail counts: where anything is sharp, the picture is. 0 for pictures smaller than a tile.
    """
    falls = np.array([_falls(tile) for tile in _tiles(grey)])
    return float((falls.min(axis=0) - [most for *_, most in _FALLS]).max()) if len(falls) else 0.0


def blockiness(grey: UInt8) -> float:
    """How much larger steps are between 8 x 8 blocks than inside of them, 1 for pictures that were never compressed."""
    steps = cv2.absdiff(grey[:, 1:], grey[:, :-1]).mean(axis=0)
    borders = steps[7::8].mean()
    inside = np.delete(steps, np.s_[7::8]).mean()
    return float(borders / (inside + 0.05))


def _tiles(grey: UInt8) -> list[UInt8]:
    rows, columns = (side // _TILE for side in grey.shape)
    if not rows or not columns:
        return []
    whole = grey[: rows * _TILE, : columns * _TILE]
    # Steps across two pixels are cheap to take, and rank tiles as well as any other measure of detail.
    steps = cv2.absdiff(whole[::2, 2::2], whole[::2, :-2:2])
    detail = cv2.resize(steps, (columns, rows), interpolation=cv2.INTER_AREA).ravel()
    best = np.argsort(-detail.astype(int), kind="stable")[:_TILES]
    return [
        whole[r * _TILE : (r + 1) * _TILE, c * _TILE : (c + 1) * _TILE]
        for r, c in (divmod(int(i), columns) for i in best)
    ]


def _falls(tile: UInt8) -> list[float]:
    window, radius = _window()
    values = tile.astype(np.float32)
    power = np.abs(np.fft.rfft2((values - values.mean()) * window)) ** 2

    def level(band: tuple[float, float]) -> float:
        # The noise of rounding to whole levels is added, so that a clear sky does not count as blurred.
        return float(10 * np.log10(power[(radius >= band[0]) & (radius < band[1])].mean() + 0.3))

    return [level(coarse) - level(fine) for coarse, fine, _ in _FALLS]


@cache
def _window() -> tuple[Float, Float]:
    wave = np.hanning(_TILE).astype(np.float32)
    radius = np.hypot(np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None])
    return np.outer(wave, wave), radius.astype(np.float32)
