"""Foregrounds as images with an alpha channel: PNG, WebP or TIFF."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from aimkit.datasets.find import find_images, read_exclude
from aimkit.datasets.scan import candidate
from aimkit.datasets.scan_report import ScanReport
from aimkit.imageio import read_rgba
from aimkit.storage import place
from aimkit.synth.source import foreground_sources
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, open_stored
from aimkit.types import Array, Float, UInt8, to_float, to_uint8

Premultiplied = Literal["auto"] | bool


class Cutouts(StoredBlock):
    """All RGBA images below a folder.

    Attributes:
        premultiplied: Whether the files' colours are multiplied by alpha; "auto" decides for each file.
    """

    source: Literal["cutouts"] = "cutouts"
    premultiplied: Premultiplied = "auto"


@foreground_sources.register("cutouts", params=Cutouts)
def cutouts(block: Cutouts) -> StoredForegrounds:
    """A folder of images with an alpha channel, searched with its subfolders."""
    root = place(block.path)
    report = ScanReport(block.title, str(root))
    files, report.excluded = find_images(root, read_exclude(block.exclude))
    found = [candidate(name, path) for name, path in files.items()]
    decoder = partial(decode, premultiplied=block.premultiplied)
    return open_stored(block, found, report, decoder, options=str(block.premultiplied))


def decode(blobs: tuple[bytes, ...], where: str, premultiplied: Premultiplied = "auto") -> tuple[UInt8, Array]:
    """Decode one file into straight colour and matte."""
    rgb, alpha = read_rgba(blobs[0], where)
    if premultiplied is True or (premultiplied == "auto" and looks_premultiplied(rgb, to_float(alpha))):
        rgb = to_uint8(to_float(rgb) / np.maximum(to_float(alpha), 1 / 255)[..., None])
    return rgb, alpha


def looks_premultiplied(rgb: UInt8, alpha: Float) -> bool:
    """Guess whether colours are multiplied by alpha.

    In premultiplied colours no channel exceeds alpha. Straight colours violate that at once, unless the foreground is
    dark; so some partly transparent pixels must also be bright for their alpha. In doubt the answer is no, since
    colours in PNG, WebP and (unassociated) TIFF are straight.

    Args:
        rgb: Colours, uint8, (H, W, 3).
        alpha: Matte, float32 in [0, 1], (H, W).
    """
    partly = (alpha > 0.02) & (alpha < 0.98)
    if partly.sum() < 16:
        return False
    brightest = rgb.max(axis=2) / 255
    tolerance = 2.5 / 255
    over = brightest > alpha + tolerance
    if over[partly].mean() > 0.002 or over[~partly].mean() > 0.002:
        return False
    return bool((brightest[partly] > 0.5 * alpha[partly]).mean() > 0.05)
