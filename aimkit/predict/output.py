"""Outputs of a prediction: alpha, cut-out, composite, trimap, semantic; always lossless PNG."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio import encode_png, read_rgb
from aimkit.matting.composite import blend
from aimkit.matting.trimap import trimap
from aimkit.predict.predictor import Prediction
from aimkit.types import Array, Float, UInt8, to_float, to_uint8


@dataclass(frozen=True)
class CompositeStyle:
    """Format of the outputs.

    Attributes:
        bits: Bit depth of the alpha matte and the cut-out, 8 or 16.
        background: Background of composites: a colour (3,) or an image (h, w, 3), RGB, uint8.
        kernel: Kernel of trimaps, in pixels of the photo.
    """

    bits: int = 8
    background: UInt8 | None = None
    kernel: int = 30


def encode(kind: str, prediction: Prediction, style: CompositeStyle, profile: bytes = b"") -> bytes:
    """Encode an output as PNG.

    Args:
        kind: A key of ``KINDS``.
        prediction: The prediction of the upright photo; the file gets no orientation tag.
        style: Format of the output.
        profile: ICC profile of the photo; embedded in the outputs that hold its colours.
    """
    draw, colored = KINDS[kind]
    data = encode_png(draw(prediction, style))
    return with_profile(data, profile) if colored and profile else data


def alpha(prediction: Prediction, style: CompositeStyle) -> Array:
    """The matte, uint8 or uint16, (H, W)."""
    return _levels(prediction.alpha, style.bits)


def cutout(prediction: Prediction, style: CompositeStyle) -> Array:
    """RGBA with estimated foreground colours, straight, uint8 or uint16, (H, W, 4)."""
    if style.bits == 8:
        return prediction.cutout()
    color = prediction.cutout()[..., :3].astype(np.uint16) * 257
    return np.dstack([color, _levels(prediction.alpha, 16)])


def composite(prediction: Prediction, style: CompositeStyle) -> UInt8:
    """The cut-out over the background, RGB, uint8, (H, W, 3)."""
    if style.background is None:
        raise AimkitError("a composite needs a background", "--background", "give a colour or an image")
    return place_over(prediction.cutout()[..., :3], prediction.alpha, style.background)


def place_over(color: UInt8, alpha: Float, background: UInt8) -> UInt8:
    """Blend a cut-out over a background.

    Args:
        color: Straight foreground colours, RGB, uint8, (H, W, 3).
        alpha: Matte, float32 in [0, 1], (H, W).
        background: A colour (3,), or an image (h, w, 3) that is made to cover the cut-out; RGB, uint8.

    Returns:
        RGB, uint8, (H, W, 3).
    """
    height, width = alpha.shape
    behind = (
        np.broadcast_to(background, (height, width, 3)) if background.ndim == 1 else cover(background, height, width)
    )
    return to_uint8(blend(to_float(color), alpha, to_float(behind)))


def trimap_(prediction: Prediction, style: CompositeStyle) -> UInt8:
    """Trimap of the predicted matte, uint8 {0, 128, 255}, (H, W); for matting methods that want one."""
    return trimap(to_uint8(prediction.alpha), style.kernel)


def semantic(prediction: Prediction, style: CompositeStyle) -> UInt8:
    """The network's own classes, uint8 {0, 128, 255}, (H, W)."""
    return prediction.semantic


#: Outputs by name, and whether they hold the photo's colours.
KINDS: dict[str, tuple[Callable[[Prediction, CompositeStyle], Array], bool]] = {
    "alpha": (alpha, False),
    "cutout": (cutout, True),
    "composite": (composite, True),
    "trimap": (trimap_, False),
    "semantic": (semantic, False),
}


def cover(image: UInt8, height: int, width: int) -> UInt8:
    """Scale an image, aspect kept, until it covers (height, width), and take its middle."""
    h, w = image.shape[:2]
    scale = max(height / h, width / w)
    size = (max(width, round(w * scale)), max(height, round(h * scale)))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.asarray(scaled[top : top + height, left : left + width])


def read_background(text: str) -> UInt8:
    """A background by name: an image file, or a colour such as ``green``, ``#00ff00`` or ``rgb(0, 255, 0)``.

    Raises:
        AimkitError: It is neither.
    """
    from PIL import ImageColor

    if Path(text).is_file():
        return read_rgb(text)
    try:
        return np.array(ImageColor.getrgb(text)[:3], np.uint8)
    except ValueError:
        hint = "give an image file, or a colour: green, '#00ff00'"
        raise AimkitError(f"'{text}' is neither an image file nor a colour", "--background", hint) from None


def read_profile(data: bytes) -> bytes:
    """The ICC profile in an image file if it describes RGB; our pixels are RGB whatever the file held."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            profile = image.info.get("icc_profile") or b""
    except Exception:  # Decoders raise nearly anything; the pixels' reader reports files that are broken.
        return b""
    return profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else b""


def with_profile(png: bytes, profile: bytes) -> bytes:
    """A PNG with an ICC profile: an iCCP chunk after the header (PNG specification, 11.3.2.3)."""
    header = 8 + 25  # the signature and the IHDR chunk
    body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:header] + chunk + png[header:]


def _levels(matte: Float, bits: int) -> Array:
    if bits == 8:
        return to_uint8(matte)
    return np.rint(np.clip(matte, 0, 1) * np.float32(65535)).astype(np.uint16)
