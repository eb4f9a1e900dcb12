"""Reading and writing images: any common format and depth, upright, and never half an image.

| read as | function |
|---|---|
| colours, 8 bit | ``read_rgb`` |
| matte | ``read_matte`` (8 bit stay 8 bit), ``read_alpha`` (float), ``read_grey`` (8 bit) |
| cut-out | ``read_rgba`` |
| pixels as stored, with notes | ``decode`` |
| the same once more, faster or in part | ``decode_again``, ``open_again`` |

The scale of the mattes of a folder (0-1, 0-255, ...) is decided by ``decide_matte_scale`` from all of them. Embedded
colour profiles are ignored: values are taken as sRGB.
"""

from aimkit.imageio.again import OpenedImage, decode_again, open_again
from aimkit.imageio.colors import rgb_of, straight
from aimkit.imageio.decode import decode
from aimkit.imageio.formats import SUFFIXES, is_picture
from aimkit.imageio.matte_scale import (
    RANGES,
    MatteScale,
    MatteStatistics,
    decide_matte_scale,
    decide_matte_scales,
    matte_statistics,
    scale_alone,
    scale_matte,
)
from aimkit.imageio.mattes import LOSSY_TOLERANCE, MatteChannel, MatteLevels, matte_levels, snap_lossy
from aimkit.imageio.picture import DecodedImage
from aimkit.imageio.pillow import from_pil
from aimkit.imageio.read import alpha_of, matte_of, read_alpha, read_grey, read_matte, read_rgb, read_rgba
from aimkit.imageio.source import file_fault, max_pixels, read_file
from aimkit.imageio.write import encode_jpeg, encode_png, write_png

__all__ = [
    "LOSSY_TOLERANCE",
    "RANGES",
    "SUFFIXES",
    "DecodedImage",
    "MatteChannel",
    "MatteLevels",
    "MatteScale",
    "MatteStatistics",
    "OpenedImage",
    "alpha_of",
    "decide_matte_scale",
    "decide_matte_scales",
    "decode",
    "decode_again",
    "encode_jpeg",
    "encode_png",
    "file_fault",
    "from_pil",
    "is_picture",
    "matte_levels",
    "matte_of",
    "matte_statistics",
    "max_pixels",
    "open_again",
    "read_alpha",
    "read_file",
    "read_grey",
    "read_matte",
    "read_rgb",
    "read_rgba",
    "rgb_of",
    "scale_alone",
    "scale_matte",
    "snap_lossy",
    "straight",
    "write_png",
]
