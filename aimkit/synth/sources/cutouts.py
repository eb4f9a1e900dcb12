"""Foregrounds as images with an alpha channel: PNG, WebP or TIFF."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

from aimkit.datasets.credits import read_credits
from aimkit.datasets.scan import Candidate, candidates
from aimkit.datasets.shadows import find_shadows
from aimkit.imageio import DecodedImage, rgb_of
from aimkit.imageio import decode as read_image
from aimkit.synth.source import foreground_sources
from aimkit.synth.sources.inspect_stored import ForegroundReader, ReadImage
from aimkit.synth.sources.listing import list_folder
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, open_stored
from aimkit.types import Float, UInt8


class Cutouts(StoredBlock):
    """All RGBA images below a folder.

    A file ``credits.json`` in the folder states licence, origin, category and group of every picture, as
    ``aimkit render`` writes it; the keys ``licence`` and ``origin`` of the table override it, and pictures of one group
    are on the same side of the split. Shadow layers in the folder
    (:mod:`aimkit.datasets.shadows`) are what the step ``shadow`` casts.

    Attributes:
        premultiplied: Whether the files' colours are multiplied by alpha. A file that states this itself (TIFF) is
            followed in any case; files that only look premultiplied are named in a warning.
    """

    source: Literal["cutouts"] = "cutouts"
    premultiplied: bool = False


@foreground_sources.register("cutouts", params=Cutouts)
def cutouts(block: Cutouts) -> StoredForegrounds:
    """A folder of images with an alpha channel, searched with its subfolders."""
    root, images, report = list_folder(block)
    # A shadow layer is part of its cut-out: its bytes count in digest and stamp.
    shadows = find_shadows(root)
    rows = [(name, (path, *([shadows[name]] if name in shadows else []))) for name, path in images.files.items()]
    found = candidates(rows, report.skips)
    stated = read_credits(root)
    found = [replace(one, **stated[one.id]._asdict()) if one.id in stated else one for one in found]
    return open_stored(block, found, report, reader(block.premultiplied), options=str(block.premultiplied))


def reader(premultiplied: bool) -> ForegroundReader:
    """How cut-outs are read."""
    decoder = partial(decode, premultiplied=premultiplied)
    return ForegroundReader(decoder, channel="alpha", doubt=None if premultiplied else _doubt)


def decode(
    blobs: tuple[bytes, ...], one: Candidate, read: ReadImage = read_image, premultiplied: bool = False
) -> tuple[UInt8, DecodedImage]:
    """Decode one file into straight colour and itself, whose alpha channel is the matte."""
    image = read(blobs[0], one.where)
    if premultiplied:
        image = replace(image, associated=True)
    return rgb_of(image, one.where), image


def _doubt(rgb: UInt8, alpha: Float) -> str:
    if looks_premultiplied(rgb, alpha):
        return "colours look premultiplied but are taken as straight; to convert them, set premultiplied = true"
    return ""


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
    if over[partly].mean() > 0.002 or over[~partly].sum() > 0.002 * (~partly).sum():
        return False
    return bool((brightest[partly] > 0.5 * alpha[partly]).mean() > 0.05)
