"""The bytes of a picture: only regular files are opened, and only as much of them as a picture can have."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, TypeAlias

from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from PIL import Image

#: A file, the bytes of one, or a PIL image.
Source: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image"

#: The environment variable that raises the pixel limit.
LIMIT = "AIMKIT_MAX_PIXELS"

#: Pixels of the largest picture that is read by default: Pillow's own limit.
MAX_PIXELS = 178_956_970

_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def max_pixels() -> int:
    """The pixel limit in force.

    Raises:
        AimkitError: The environment variable is not a positive whole number.
    """
    text = os.environ.get(LIMIT, "")
    if not text:
        return MAX_PIXELS
    try:
        value = int(text.replace("_", ""))
    except ValueError:
        value = 0
    if value < 1:
        raise AimkitError(f"'{text}' is not a number of pixels", LIMIT, f"the default is {MAX_PIXELS}")
    return value


def check_size(width: int, height: int, limit: int) -> None:
    """Refuse a picture that is larger than the limit, before memory is taken for it.

    Raises:
        AimkitError: It is larger, or a side is not positive.
    """
    if width < 1 or height < 1:
        raise ValueError(f"the header says {width}x{height} pixels")
    if width * height > limit:
        what = f"{width}x{height} are {width * height / 1e6:.0f} megapixels, more than the limit of {limit / 1e6:.0f}"
        hint = f"if you trust the file, set {LIMIT}={width * height} or more"
        raise AimkitError(f"can't read the image: {what}", "", hint)


def file_fault(path: str | os.PathLike[str]) -> str:
    """What forbids reading a path as a file, found without opening it; "" when nothing does."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return _reason(error, path)
    except ValueError as error:
        return str(error)
    return _kind_fault(mode)


def read_file(path: str | os.PathLike[str], where: str = "", *, limit: int | None = None) -> bytes:
    """Read a regular file; pipes, devices, sockets and folders are refused without waiting for them.

    Args:
        path: The file.
        where: What errors call it; the path when empty.
        limit: Pixel limit; it bounds the size of the file. ``AIMKIT_MAX_PIXELS`` by default.

    Raises:
        AimkitError: It is missing, not a regular file, unreadable, empty, or too large for a picture.
    """
    name = where or os.fspath(path)
    # 16 bytes a pixel are RGBA in 32 bits; metadata gets 64 MB on top.
    most = (max_pixels() if limit is None else limit) * 16 + (64 << 20)
    handle = -1
    try:
        # Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        status = os.fstat(handle)
        if fault := _kind_fault(status.st_mode):
            raise AimkitError(f"can't read the image: {fault}", name)
        with open(handle, "rb", closefd=False) as file:
            data = file.read(most + 1) if status.st_size <= most else b""
    except OSError as error:
        raise AimkitError(f"can't read the image: {_reason(error, path)}", name) from None
    except ValueError as error:  # a NUL character in the path
        raise AimkitError(f"can't read the image: {error}", name) from None
    finally:
        if handle >= 0:
            os.close(handle)
    if status.st_size > most or len(data) > most:
        size = f"the file has {max(status.st_size, len(data)) / 1e9:.1f} GB"
        hint = f"if you trust the file, raise {LIMIT}"
        raise AimkitError(
            f"can't read the image: {size}, more than the pixel limit allows (16 bytes per pixel)", name, hint
        )
    if not data:
        raise AimkitError("can't read the image: the file is empty", name)
    return data


def _kind_fault(mode: int) -> str:
    return next((f"it is {kind}, not a file" for test, kind in _KINDS.items() if test(mode)), "")


def _reason(error: OSError, path: str | os.PathLike[str]) -> str:
    if error.errno == errno.ENOENT and os.path.islink(path):
        return "the link is broken"
    if error.errno == errno.ELOOP:
        return "the link leads back to itself"
    if error.errno == errno.ENXIO:
        return "it is a socket or a device, not a file"
    return error.strerror or str(error)
