"""Outputs in one file: a ZIP archive of predictions, or of photos and corrected mattes to fine-tune with."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from aimkit.files import replacing
from aimkit.imageio import encode_png, read_rgb
from aimkit.predict.collect import PhotoJob

#: Date of all members, the earliest that ZIP knows: equal contents give equal archives.
_DATE = (1980, 1, 1, 0, 0, 0)

_README = """Photos in original/, their mattes of the same name in mask/. To fine-tune on them:

aimkit train finetune -o runs/mine --foregrounds THIS_FOLDER
"""


def zip_outputs(target: Path, jobs: Sequence[PhotoJob], out: Path, kinds: Iterable[str]) -> int:
    """Archive the outputs of photos as KIND/NAME.png.

    Args:
        target: The archive.
        jobs: The photos; outputs that do not exist are left out.
        out: Folder of the outputs.
        kinds: Keys of :data:`aimkit.predict.output.KINDS`.

    Returns:
        Number of files in it.

    Raises:
        AimkitError: It can't be written.
    """
    paths = [(f"{kind}/{job.name}.png", job.output(out, kind)) for kind in kinds for job in jobs]
    found = [(name, path) for name, path in paths if path.is_file()]
    write_zip(target, ((name, path.read_bytes()) for name, path in found))
    return len(found)


def zip_pairs(target: Path, jobs: Sequence[PhotoJob], out: Path) -> None:
    """Archive photos and mattes as ``original/`` and ``mask/``, the layout that ``aimkit train finetune`` reads.

    Args:
        target: The archive.
        jobs: The photos; they are stored upright, as PNG.
        out: Folder of the outputs, with ``alpha/NAME.png`` for each.

    Raises:
        AimkitError: A file can't be read, or the archive can't be written.
    """

    def members() -> Iterable[tuple[str, bytes]]:
        yield "README.txt", _README.encode()
        for job in jobs:
            yield f"original/{job.name}.png", encode_png(read_rgb(job.path))
            yield f"mask/{job.name}.png", job.output(out, "alpha").read_bytes()

    write_zip(target, members())


def write_zip(target: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive of (name, content); contents are pictures, so they are stored as they are.

    Raises:
        AimkitError: It can't be written.
    """
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
