"""Shadow layers of cut-outs: the share of light that still reaches the ground, as files next to the pictures.

``aimkit render`` writes them, and anyone may: ``.passes/ID.shadow.png`` below the folder of cut-outs, where an ID is
the picture's path below the folder without its suffix. A layer is grey, white where all light arrives. It has the scale
and the centre of its picture, and may be larger: a shadow reaches beyond the frame of what casts it.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from aimkit.paths import as_text
from aimkit.storage import Place

#: Folder of further planes below a folder of pictures; hidden, so that they are not taken for pictures.
PASSES = ".passes"
#: What the file of a shadow layer ends with.
SUFFIX = ".shadow.png"


def find_shadows(root: Place) -> dict[str, Place]:
    """The shadow layers of a folder by the ids of their pictures; empty when it has none."""
    folder = root / PASSES
    found: dict[str, Place] = {}
    if isinstance(folder, Path):
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob(f"*{SUFFIX}") if path.is_file()}
    elif folder.is_dir():
        found = {file.url[len(folder.url) + 1 :]: file for file in folder.walk() if file.url.endswith(SUFFIX)}
    # As ids are spelt, see aimkit.datasets.find.
    return {as_text(unicodedata.normalize("NFC", name))[: -len(SUFFIX)]: file for name, file in sorted(found.items())}
