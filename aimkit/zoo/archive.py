"""Unpack one member of a zip file and nothing else."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.registry import did_you_mean
from aimkit.zoo.safety import check_member


def extract(archive: Path, member: str, target: Path, limit: int) -> None:
    """Copy a member of a zip file (such as a wheel) to ``target``.

    Args:
        archive: The zip file.
        member: Name of the member.
        target: File to write, whole or not at all.
        limit: Maximum size in bytes, whatever the archive declares.

    Raises:
        AimkitError: The member does not exist or is too large, the archive is damaged, or a member's name leads outside
            the archive's folder.
    """
    where = f"{archive.name}#{member}"
    try:
        with zipfile.ZipFile(archive) as file:
            names = [info.filename for info in file.infolist()]
            for name in names:
                check_member(name, where)
            if member not in names:
                raise AimkitError(f"the archive has no member '{member}'", where, did_you_mean(member, names))
            if file.getinfo(member).file_size > limit:
                raise AimkitError(f"the member would unpack to more than {limit:,} bytes", where)
            with replacing(target) as temporary:
                _copy(file, member, temporary, limit, where)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        raise AimkitError(f"can't unpack the archive: {error}", where, exit_code=1) from None


def _copy(file: zipfile.ZipFile, member: str, target: Path, limit: int, where: str) -> None:
    size = 0
    with file.open(member) as source, target.open("wb") as out:
        while block := source.read(1 << 20):
            size += len(block)
            if size > limit:
                raise AimkitError(f"the member unpacks to more than {limit:,} bytes", where)
            out.write(block)
