"""Foregrounds as two folders of the same names: colours and alpha mattes (DIM, Distinctions-646, Composition-1k)."""

from __future__ import annotations

from typing import Literal

from aimkit.datasets.scan import Candidate, ScanReport, candidate, find_images, read_exclude, subfolder
from aimkit.imageio import read_matte, read_rgb
from aimkit.storage import Place, place
from aimkit.synth.source import foreground_sources
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, check_sizes, extend, open_stored
from aimkit.types import Array, UInt8


class Pairs(StoredBlock):
    """``path/fg/NAME`` and ``path/alpha/NAME``; suffixes may differ.

    Attributes:
        foreground: Folder of the colours; "fg" or "foreground" when empty.
        alpha: Folder of the mattes; "alpha" or "mask" when empty.
        bleed: Replace the colours where alpha is 0 by those next to them. They can't be seen, but what the files
            hold there would leak in when foregrounds are resized.
    """

    source: Literal["pairs"] = "pairs"
    foreground: str = ""
    alpha: str = ""
    bleed: bool = True


@foreground_sources.register("pairs", params=Pairs)
def pairs(block: Pairs) -> StoredForegrounds:
    """Two folders with files of the same names: colours and alpha mattes."""
    root = place(block.path)
    report = ScanReport(block.title, str(root))
    colors = subfolder(root, block.foreground, ("fg", "foreground"), "foreground")
    alphas = subfolder(root, block.alpha, ("alpha", "mask"), "alpha")
    found = pair(colors, alphas, read_exclude(block.exclude), report)
    return open_stored(block, found, report, decode, finish=extend if block.bleed else _as_stored)


def pair(colors: Place, alphas: Place, exclude: list[str], report: ScanReport) -> list[Candidate]:
    """Candidates of the files that both folders have; the others are reported as skipped."""
    first, report.excluded = find_images(colors, exclude)
    second, _ = find_images(alphas, exclude)
    report.skipped += [(name, f"no file of that name in {alphas.name}/") for name in first if name not in second]
    report.skipped += [(name, f"no file of that name in {colors.name}/") for name in second if name not in first]
    return [candidate(name, path, second[name]) for name, path in first.items() if name in second]


def decode(blobs: tuple[bytes, ...], where: str) -> tuple[UInt8, Array]:
    """Colour and matte of two files."""
    color, alpha = read_rgb(blobs[0], where), read_matte(blobs[1], f"{where} (alpha)")
    check_sizes(color, alpha, where)
    return color, alpha


def _as_stored(rgb: UInt8, alpha: Array, digest: str) -> UInt8:
    return rgb
