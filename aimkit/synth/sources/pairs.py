"""Foregrounds in two folders with files of the same names: colours and alpha mattes (DIM, Distinctions-646)."""

from __future__ import annotations

from typing import Literal

from aimkit.bounds import Name
from aimkit.datasets.find import find_images, read_exclude, subfolder
from aimkit.datasets.scan import Candidate, candidate
from aimkit.datasets.scan_report import ScanReport
from aimkit.imageio import read_matte, read_rgb
from aimkit.storage import Place, place
from aimkit.synth.source import foreground_sources
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, check_sizes, extend, open_stored
from aimkit.types import Array, UInt8


class Pairs(StoredBlock):
    """Colours ``path/fg/NAME`` and mattes ``path/alpha/NAME``; suffixes may differ.

    Attributes:
        foreground: Folder of the colours; "fg" or "foreground" when empty.
        alpha: Folder of the mattes; "alpha" or "mask" when empty.
        bleed: Whether to replace the colours where alpha is 0 by their neighbours'. These colours are invisible, but
            would leak in when the foreground is resized.
    """

    source: Literal["pairs"] = "pairs"
    foreground: Name = ""
    alpha: Name = ""
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
    """Pair the files that both folders have; the others are reported as skipped."""
    first, report.excluded = find_images(colors, exclude)
    second, _ = find_images(alphas, exclude)
    report.skipped += [(name, f"no such file in {alphas.name}/") for name in first if name not in second]
    report.skipped += [(name, f"no such file in {colors.name}/") for name in second if name not in first]
    return [candidate(name, path, second[name]) for name, path in first.items() if name in second]


def decode(blobs: tuple[bytes, ...], where: str) -> tuple[UInt8, Array]:
    """Decode two files into colour and matte."""
    color, alpha = read_rgb(blobs[0], where), read_matte(blobs[1], f"{where} (alpha)")
    check_sizes(color, alpha, where)
    return color, alpha


def _as_stored(rgb: UInt8, alpha: Array, digest: str) -> UInt8:
    return rgb
