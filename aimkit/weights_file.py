"""The form of a weights file, recognised by its content: safetensors, PyTorch's, or what it is instead."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from aimkit.errors import AimkitError
from aimkit.paths import fault

#: Longest header of a safetensors file, as its own library has it.
_LONGEST_HEADER = 100_000_000
#: PyTorch stores tensors uncompressed, so a file that unpacks to much more than its size is not a checkpoint.
_LARGEST_GROWTH = 2
_SLACK = 16 * 2**20
_AGAIN = "get the file again"
_LFS_POINTER = b"version https://git-lfs"


def check(path: Path, where: str = "") -> str:
    """Check the form of an untrusted file.

    Args:
        path: The file.
        where: Location for messages; the path if empty.

    Returns:
        The suffix for the file: ``.safetensors`` or ``.pth``.

    Raises:
        AimkitError: The file has neither form, is incomplete, or unpacks to far more than its size.
    """
    where = where or str(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise AimkitError(f"can't read the weights: {error.strerror}", where) from None
    if not head:
        raise AimkitError("the file is empty", where, "get it again")
    if is_web_page(head):
        raise AimkitError("the file is a web page, not weights", where, "check whether it is a login or quota page")
    if head.startswith(_LFS_POINTER):
        hint = "fetch the file itself: git lfs pull, or download it from the repository's page"
        raise AimkitError("the file is a pointer of Git LFS, not weights", where, hint)
    if head[8:9] == b"{":
        _check_safetensors(path, where)
        return ".safetensors"
    if head[:2] == b"PK":
        _check_zip(path, where)
        return ".pth"
    if head[:1] == b"\x80":
        return ".pth"
    hint = "give .safetensors, or a state dict that torch.save wrote"
    raise AimkitError("the file is neither safetensors nor a PyTorch checkpoint", where, hint)


def is_web_page(head: bytes) -> bool:
    """Whether the first bytes of a file look like HTML."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--"))


def _check_safetensors(path: Path, where: str) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEADER:
            raise AimkitError("the header of the safetensors file is too long", where)
        header = file.read(length)
    if len(header) < length:
        raise AimkitError(f"the file is incomplete: it ends within its header, after {size:,} bytes", where, _AGAIN)
    try:
        tensors = json.loads(header)
        end = max((entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"), default=0)
        wanted = 8 + length + int(end)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError):
        raise AimkitError("the header of the safetensors file is damaged", where, _AGAIN) from None
    if size != wanted:
        state = "incomplete" if size < wanted else "damaged"
        raise AimkitError(f"the file is {state}: it has {size:,} bytes, its header says {wanted:,}", where, _AGAIN)


def _check_zip(path: Path, where: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise AimkitError(f"the file is incomplete or damaged: {error}", where, _AGAIN) from None
    for member in members:
        check_member(member.filename, where)
    unpacked, size = sum(member.file_size for member in members), path.stat().st_size
    if unpacked > _LARGEST_GROWTH * size + _SLACK:
        raise AimkitError(f"the file of {size:,} bytes would unpack to {unpacked:,}", where)


def check_member(name: str, where: str) -> None:
    """Refuse a member of an archive whose path leaves the archive's folder.

    Raises:
        AimkitError: The path is absolute, or contains "..".
    """
    if fault(name.removesuffix("/")):
        raise AimkitError(f"the archive has a member outside its folder: '{name[:80]}'", where, "it is refused")
