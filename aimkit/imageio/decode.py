"""One decoder for every format: bytes in, pixels as stored out, or one AimkitError."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aimkit.errors import AimkitError
from aimkit.imageio.exr import decode_exr
from aimkit.imageio.formats import refuse, sniff
from aimkit.imageio.picture import DecodedImage
from aimkit.imageio.pillow import decode_pillow, from_pil
from aimkit.imageio.plain import decode_npy, decode_pfm
from aimkit.imageio.png import decode_png
from aimkit.imageio.source import max_pixels, read_file
from aimkit.imageio.tiff import decode_tiff

if TYPE_CHECKING:
    from aimkit.imageio.source import Source

#: Formats that Pillow does not decode as well as the file deserves. All others are Pillow's.
_OWN: dict[str, Callable[[bytes, int], DecodedImage]] = {
    "PNG": decode_png,
    "TIFF": decode_tiff,
    "NPY": decode_npy,
    "PFM": decode_pfm,
    "EXR": decode_exr,
}


def decode(source: Source, where: str = "", *, limit: int | None = None) -> DecodedImage:
    """Decode a picture.

    Args:
        source: A file, its bytes, or a PIL image.
        where: Name of the picture in errors; the path when empty.
        limit: The most pixels it may have; ``AIMKIT_MAX_PIXELS`` or else 179 million by default.

    Raises:
        AimkitError: It is missing, no regular file, damaged, cut short, too large, or not a picture.
    """
    if not isinstance(source, str | bytes | os.PathLike):
        return from_pil(source)
    name = where or ("" if isinstance(source, bytes) else os.fspath(source))
    most = max_pixels() if limit is None else limit
    data = source if isinstance(source, bytes) else read_file(source, name, limit=most)
    if not data:
        raise AimkitError("can't read the image: the file is empty", name)
    try:
        form = sniff(data, Path(name if isinstance(source, bytes) else source).suffix)
        refuse(form)
        own = _OWN.get(form.name)
        return own(data, most) if own else decode_pillow(data, most, form.name)
    except AimkitError as error:
        raise AimkitError(error.what, error.where or name, error.hint) from None
    except Exception as error:
        # Decoders meet broken files with errors of nearly every class; all of them mean the same to the user.
        raise AimkitError(f"can't read the image: {_reason(error)}", name, "replace or remove the file") from None


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return str(error).split("\n")[0][:200] or type(error).__name__
