"""Foregrounds in two folders with files of the same names: colours and alpha mattes (DIM, Distinctions-646)."""

from __future__ import annotations

from typing import Literal

from aimkit import console
from aimkit.bounds import Name
from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.find import find_images, subfolder
from aimkit.datasets.pairing import pair_files
from aimkit.datasets.scan import Candidate, candidates
from aimkit.datasets.scan_report import ScanReport
from aimkit.imageio import DecodedImage, rgb_of
from aimkit.imageio import decode as read_image
from aimkit.paths import as_text
from aimkit.storage import Place, place
from aimkit.synth.source import foreground_sources
from aimkit.synth.sources.inspect_stored import ForegroundReader, ReadImage
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, as_stored, extend, open_stored
from aimkit.types import UInt8


class Pairs(StoredBlock):
    """Colours ``path/fg/NAME`` and mattes ``path/alpha/NAME``; suffixes may differ, and endings such as ``_mask``.

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

    def searched(self) -> list[Place]:
        """The folders of colours and mattes."""
        root = place(self.path)
        colors = subfolder(root, self.foreground, ("fg", "foreground"), "foreground")
        return [colors, subfolder(root, self.alpha, ("alpha", "mask"), "alpha")]


@foreground_sources.register("pairs", params=Pairs)
def pairs(block: Pairs) -> StoredForegrounds:
    """Two folders with files of the same names: colours and alpha mattes."""
    colors, mattes = block.searched()
    report = ScanReport(block.title, str(place(block.path)))
    found = pair(colors, mattes, block, report)
    return open_stored(block, found, report, ForegroundReader(decode), finish=extend if block.bleed else as_stored)


def pair(colors: Place, mattes: Place, block: StoredBlock, report: ScanReport) -> list[Candidate]:
    """Pair the files of two folders; those without a partner are reported as skipped."""
    exclude = read_exclude(block.exclude)
    first, second = find_images(colors, exclude), find_images(mattes, exclude)
    report.add(first)
    report.skips.extend(second.skips)
    allow = bool(block.allow_missing)
    report.notes += exclude.check([*first.files, *second.files], allow)
    told = [row.name for row in report.skips.rows]
    names = (colors.name, mattes.name)
    both = pair_files(first.files, second.files, names, where=report.where, allow_missing=allow, told=told)
    report.skips.extend(both.lost)
    report.notes += both.notes
    for name in both.unused:
        console.detail(f"{block.title}: {mattes.name}/{name} is not used, another file of its name is")
    return candidates(both.pairs.items(), report.skips)


def decode(blobs: tuple[bytes, ...], one: Candidate, read: ReadImage = read_image) -> tuple[UInt8, DecodedImage]:
    """Decode two files into colour and the picture of the matte."""
    matte = as_text(one.files[-1]) if one.files else f"{one.where} (alpha)"
    return rgb_of(read(blobs[0], one.where), one.where), read(blobs[1], matte)
