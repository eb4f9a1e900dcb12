"""Where an output may not be written: where a source would find it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from aimkit.errors import AimkitError
from aimkit.remote import Remote
from aimkit.storage import Place
from aimkit.synth.source import SourceBlock


def refuse_inside_sources(out: Place, blocks: Iterable[SourceBlock]) -> None:
    """Refuse an output in a folder that a source reads: its files would become foregrounds or backgrounds.

    Args:
        out: The output, a file or folder, existing or not.
        blocks: Tables of the sources.

    Raises:
        AimkitError: It does, or a folder of a source does not exist.
    """
    for block in blocks:
        for folder in block.searched() if block.weight else ():
            if _inside(out, folder):
                what = f"the output is in a folder of the source '{block.title}', which would read it"
                raise AimkitError(what, f"{out} in {folder}", "choose a folder outside the sources")


def _inside(out: Place, folder: Place) -> bool:
    if isinstance(out, Remote) or isinstance(folder, Remote):
        same = isinstance(out, Remote) and isinstance(folder, Remote)
        return same and f"{out.url}/".startswith(f"{folder.url}/")  # type: ignore[union-attr]
    root = Path(os.path.realpath(folder))
    return Path(os.path.realpath(out)).is_relative_to(root) and root.is_dir()
