"""From Blender's linear planes to a straight-colour cut-out."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio import decode, read_file
from aimkit.imageio.write import encode_png
from aimkit.matting.foreground import bleed
from aimkit.render.blender_script import SHADOW_SCALE
from aimkit.render.recipe import RenderRecipe
from aimkit.types import Array, Float

#: Share of the longer side of the frame of a shadow in which it fades out, at each end.
_FADE = 0.2

#: Alpha below which a colour is not the thing's but noise; it is taken from the neighbours.
_CLEAR = 1 / 512


@dataclass(frozen=True)
class RenderedCutout:
    """A finished picture.

    Attributes:
        color: Straight colours as displayed (sRGB), float32 in [0, 1], (H, W, 3).
        alpha: Matte, float32 in [0, 1], (H, W).
        stops: Exposure that was applied, in stops.
    """

    color: Float
    alpha: Float
    stops: float


def read_plane(path: str) -> Float:
    """Read a plane of Blender: linear light, associated alpha, float32, (H, W, 4).

    Raises:
        AimkitError: It is missing or damaged, or holds NaN.
    """
    plane = np.asarray(decode(read_file(path), path).pixels, np.float32)
    if plane.ndim != 3 or plane.shape[2] != 4 or not np.isfinite(plane).all():
        raise AimkitError("Blender wrote a picture without alpha, or with NaN", path, exit_code=1)
    return plane


def develop(colors: Float, matte: Float, exposure: float | str = "auto", view: str = "soft") -> RenderedCutout:
    """Make a cut-out of the two renders.

    The matte comes from the alpha pass of its own render alone. Colours are divided by it in linear light, and then
    exposed and displayed, so that the composite over black is the render.

    Args:
        colors: Premultiplied colours, linear light, (H, W, 4).
        matte: Render whose alpha is the matte, (H, W, 4).
        exposure: Stops, or "auto".
        view: "soft" or "standard".
    """
    alpha = np.clip(matte[..., 3], 0, 1)
    # A thousandth is the noise of some hundred samples; it would keep the inside of a thing from being opaque.
    alpha = np.where(alpha > 1 - 1 / 1024, 1.0, np.where(alpha < 1 / 1024, 0.0, alpha)).astype(np.float32)
    straight = np.asarray(np.maximum(colors[..., :3], 0) / np.maximum(alpha, _CLEAR)[..., None], np.float32)
    stops = _stops(straight, alpha) if exposure == "auto" else float(exposure)
    shown = display(straight * 2.0**stops, view)
    filled = np.asarray(bleed(shown, np.where(alpha > _CLEAR, alpha, 0)), np.float32)
    return RenderedCutout(filled, alpha, round(stops, 4))


def display(light: Float, view: str) -> Float:
    """Linear light as sRGB shows it, in [0, 1]; "soft" rolls off what is brighter than 0.7."""
    if view == "soft":
        light = np.where(light < 0.7, light, 0.7 + 0.3 * (1 - np.exp(-(light - 0.7) / 0.3)))
    light = np.clip(light, 0, 1)
    curve = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, curve), np.float32)


def encode(cutout: RenderedCutout, form: str, bits: int) -> bytes:
    """The file of a cut-out: PNG of 8 or 16 bits, or WebP with lossless alpha."""
    planes = np.dstack([cutout.color, cutout.alpha]).astype(np.float64)
    if form == "webp":
        from PIL import Image

        file = BytesIO()
        image = Image.fromarray(np.round(planes * 255).astype(np.uint8), "RGBA")
        image.save(file, "WEBP", quality=95, alpha_quality=100, exact=True, method=4)
        return file.getvalue()
    top, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    return encode_png(np.round(planes * top).astype(dtype))


def encode_pass(name: str, plane: Float) -> bytes:
    """A further plane as a 16-bit PNG.

    The normal is in world space, -1 to 1 as 0 to 1. The depth is 1 at the nearest point and falls to 0 at the farthest.
    The shadow is what it leaves of the light on the floor, 1 where there is none, as :mod:`aimkit.datasets.shadows`
    describes it (8 bits): it is rendered at half the resolution, and fades out towards the border of its frame.
    """
    alpha = np.clip(plane[..., 3:], 0, 1)
    straight = plane[..., :3] / np.maximum(alpha, _CLEAR)
    values: Array
    if name == "shadow":
        return encode_png(np.round((1 - _whole_shadow(alpha[..., 0])) * 255).astype(np.uint8))
    if name == "depth":
        seen = straight[..., 0][alpha[..., 0] > 0.5]
        near, far = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
        values = np.where(alpha[..., 0] > 0.5, (far - straight[..., 0]) / max(far - near, 1e-9), 0)
    else:
        values = straight
    return encode_png(np.round(np.clip(values, 0, 1).astype(np.float64) * 65535).astype(np.uint16))


def _whole_shadow(darkness: Float) -> Float:
    """A rendered shadow in the resolution of its picture, without an edge where its frame ends."""
    height, width = (round(n / SHADOW_SCALE) for n in darkness.shape)
    large = cv2.resize(darkness, (width, height), interpolation=cv2.INTER_LINEAR)
    across, down = (_faded(n, _FADE * max(width, height)) for n in (width, height))
    return np.asarray(large * across * down[:, None], np.float32)


def _faded(count: int, reach: float) -> Float:
    """1 but towards both ends, where it falls smoothly to 0."""
    at = np.arange(count) + 0.5
    inside = np.minimum(np.minimum(at, count - at) / reach, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)


def fault(cutout: RenderedCutout, recipe: RenderRecipe) -> str:
    """Why a picture is not kept; "" when it is."""
    limits, alpha = recipe.reject, cutout.alpha
    cover = float(alpha.mean())
    if cover < limits.min_cover or not (alpha > 0.05).any():
        return f"the matte covers {cover:.2%} of the frame"
    rows, columns = (np.flatnonzero((alpha > 0.05).any(axis)) for axis in (1, 0))
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    aspect = min(height, width) / max(height, width)
    if aspect < limits.min_aspect:
        return f"it is edge-on: {width} x {height} pixels"
    fill = float((alpha > 0.95).sum()) / (height * width)
    if fill > limits.max_fill:
        return f"it is a plain board: it fills {fill:.0%} of its box"
    bright = cutout.color.max(axis=2)[alpha > 0.05]
    light = float(np.quantile(bright, 0.98))
    if light < limits.min_light:
        return f"it is black: its brightness is at most {light:.2f}"
    return ""


def _stops(straight: Float, alpha: Float) -> float:
    """Stops that bring the brightest tenth near white, but for a part of them: dark things stay darker than others."""
    seen = straight[alpha > 0.5] if (alpha > 0.5).any() else straight[alpha > 0.02]
    if not seen.size:
        return 0.0
    bright = float(np.quantile(seen @ np.array([0.2126, 0.7152, 0.0722], np.float32), 0.9))
    return float(np.clip(0.75 * np.log2(0.65 / max(bright, 1e-4)), -4, 3))
