"""One member out of a zip file; nothing else of it is unpacked."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

from aimkit.errors import AimkitError
from aimkit.registry import did_you_mean
from aimkit.zoo.safety import check_member


def extract(archive: Path, member: str, target: Path, limit: int) -> None:
    """Copy a member of a zip file (a wheel is one) to ``target``, which decides the name, not the archive.

    Args:
        archive: The zip file.
        member: Name of the member.
        target: File to write.
        limit: Largest size in bytes, whatever the archive says of itself.

    Raises:
        AimkitError: No such member, a damaged archive, a name outside the archive's folder, or too large.
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
                raise AimkitError(f"the member would unpack to more than {limit:,} bytes; it is refused", where)
            _copy(file, member, target, limit, where)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        target.unlink(missing_ok=True)
        raise AimkitError(f"can't unpack the archive: {error}", where, exit_code=1) from None
    except AimkitError:
        target.unlink(missing_ok=True)
        raise


def _copy(file: zipfile.ZipFile, member: str, target: Path, limit: int, where: str) -> None:
    size = 0
    with file.open(member) as source, target.open("wb") as out:
        while block := source.read(1 << 20):
            size += len(block)
            if size > limit:
                raise AimkitError(f"the member unpacks to more than {limit:,} bytes; it is refused", where)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
