"""Arrays in files: NPY and PFM."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np

from aimkit.imageio.picture import DecodedImage
from aimkit.imageio.source import check_size


def decode_npy(data: bytes, limit: int) -> DecodedImage:
    """Decode an array of numbers, (H, W) or (H, W, 1 to 4); nothing in it is ever unpickled.

    Truth values become the levels 0 and 255. An array (1, H, W) is a grey picture.

    Raises:
        AimkitError, ValueError: It is none, cut short, or over the pixel limit.
    """
    file = BytesIO(data)
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"NPY version {version[0]}.{version[1]} is not supported")
    shape, fortran, dtype = readers[version](file)  # type: ignore[no-untyped-call]
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise ValueError(f"an array of {dtype} is not a picture")
    if len(shape) == 3 and shape[0] == 1 and shape[2] > 4:
        shape = shape[1:]
    if len(shape) not in (2, 3) or (len(shape) == 3 and not 1 <= shape[2] <= 4):
        raise ValueError(f"an array of shape {shape} is not a picture; it needs (H, W) or (H, W, channels)")
    check_size(shape[1], shape[0], limit)
    count = int(np.prod(shape))
    if len(data) - file.tell() < count * dtype.itemsize:
        raise ValueError("the file is cut short")
    flat = np.frombuffer(data, dtype, count, file.tell())
    pixels = flat.reshape(shape, order="F" if fortran else "C")
    if dtype.kind == "b":
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return DecodedImage(np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("=")), format="NPY")


def decode_pfm(data: bytes, limit: int) -> DecodedImage:
    """Decode a portable float map, grey or RGB; its rows are stored from the bottom.

    Raises:
        AimkitError, ValueError: The header is wrong, the file is cut short, or it is over the pixel limit.
    """
    header = re.match(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[0-9.eE+-]{1,20})\s", data[:128])
    if header is None:
        raise ValueError("the header is wrong")
    width, height = int(header[2]), int(header[3])
    check_size(width, height, limit)
    shape = (height, width, 3) if header[1] == b"F" else (height, width)
    count = int(np.prod(shape))
    if len(data) - header.end() < 4 * count:
        raise ValueError("the file is cut short")
    # The sign of the scale gives the byte order; its size is a unit of light, and says nothing about levels.
    order = "<f4" if float(header[4]) < 0 else ">f4"
    pixels = np.frombuffer(data, order, count, header.end()).reshape(shape)[::-1]
    return DecodedImage(np.ascontiguousarray(pixels, np.float32), format="PFM")
