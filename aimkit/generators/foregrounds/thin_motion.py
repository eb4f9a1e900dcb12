"""Thin things in motion: propellers, spoked wheels, swung sticks and rackets, blurred over the exposure."""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np

from aimkit.bounds import Name, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, layer, over
from aimkit.generators.flow import ramp
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch
from aimkit.types import Array, Float, Foreground, ImageType

#: The unblurred picture is a table by radius and angle of this many cells.
_RADII, _ANGLES = 512, 3072


class ThinMotion(GeneratorBlock):
    """Parameters of thin objects in motion.

    Attributes:
        kind: ``rotor`` (propeller, fan), ``wheel`` (spokes, hub and rim) or ``swing`` (stick or racket).
        scale: Diameter, relative to the short side of the frame.
        parts: Blades, spokes or sticks.
        sweep: Angle turned during the exposure, as a share of the angle between parts (of 46
            degrees when it is larger; of 23 degrees for a swing).
        tilt: Foreshortening of the disc: 1 is seen from the front.
    """

    generator: Name = "thin_motion"
    kind: Literal["any", "rotor", "wheel", "swing"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.6, 0.92)
    parts: Annotated[Range, Within(1, 100)] = (2, 24)
    sweep: Annotated[Range, Within(0.01, 1)] = (0.15, 0.85)
    tilt: Annotated[Range, Within(0.1, 1)] = (0.55, 1)


@generators.register("thin_motion", type=ImageType.STM, category="motion", params=ThinMotion, floats=True)
def thin_motion(params: ThinMotion, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Blades, spokes or sticks that turn while the shutter is open.

    A rotation is a shift in angle. The parts are drawn, premultiplied, into a table of radius by angle; the mean over
    the exposure, and over the angle that a pixel subtends, is then one difference of the table's running sum. So the
    blur is exact for any sweep and size, and alpha is the share of the time for which a place is covered.
    """
    kind = params.kind if params.kind != "any" else str(rng.choice(["rotor", "wheel", "swing"]))
    parts = max(1, round(draw(rng, params.parts)))
    parts = {"rotor": min(max(parts // 4, 2), 6), "wheel": max(parts, 8), "swing": 1}[kind]
    spacing = min(2 * np.pi / parts, 0.8) if kind != "swing" else 0.4
    sweep, turn = spacing * draw(rng, params.sweep), rng.uniform(-np.pi, np.pi)
    scale, tilt = draw(rng, params.scale), draw(rng, params.tilt)
    if kind == "swing":
        pivot = -0.48 * scale * tilt
        pose = Pose(size, scale, turn, (pivot * np.cos(turn), pivot * np.sin(turn)))
    else:
        pose = Pose(size, scale / 2, turn)
    x, y = pose.grid()
    x, y = (x / np.float32(tilt), y) if kind == "swing" else (x, y / np.float32(tilt))
    radius, angle = np.hypot(x, y), np.arctan2(y, x)

    moving = swept(_table(kind, parts, rng), radius, angle, sweep, pose.pixel)
    return foreground(over(_still(kind, x, y, radius, pose, rng), moving), ImageType.STM, "motion")


def swept(table: Float, radius: Float, angle: Float, sweep: float, pixel: float) -> Float:
    """Mean of a turning picture over the exposure.

    Args:
        table: Premultiplied RGBA by radius (rows, 0 to 1) and angle (columns, a full turn), (R, A, 4).
        radius: Distance of the pixels from the hub, (H, W); nothing lies beyond 1.
        angle: Angle of the pixels in radians, (H, W).
        sweep: Angle turned during the exposure, radians.
        pixel: Side of a pixel, in units of the radius.

    Returns:
        Premultiplied RGBA, (H, W, 4).
    """
    from aimkit.generators import kernels

    radii, angles = table.shape[:2]
    # Half a turn more on either side, so that no window wraps.
    more = angles // 2
    total = np.empty((radii, angles + 2 * more + 1, 4), np.float32)
    kernels.running_sum(table, more, total)
    # The exposure and the pixel's own width widen the window together, as independent boxes do.
    width = np.minimum(np.hypot(sweep, pixel / np.maximum(radius, pixel / 2)), np.pi)
    row = np.clip(radius * radii - 0.5, 0, radii - 1).astype(np.float32)
    cell, half = (angle / (2 * np.pi) % 1) * angles + more, width * (angles / (4 * np.pi))

    def upto(bound: Array) -> Float:
        found = cv2.remap(total, bound.astype(np.float32), row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32)

    mean = (upto(cell + half) - upto(cell - half)) / (2 * half)[..., None]
    return np.asarray(np.clip(mean * np.clip((1 - radius) / pixel + 0.5, 0, 1)[..., None], 0, 1), np.float32)


def _table(kind: str, parts: int, rng: np.random.Generator) -> Float:
    """The moving parts at rest, premultiplied RGBA by radius and angle."""
    radius = ((np.arange(_RADII, dtype=np.float32) + 0.5) / _RADII)[:, None]
    angle = ((np.arange(_ANGLES, dtype=np.float32) + 0.5) * np.float32(2 * np.pi / _ANGLES))[None]
    cell = np.maximum(2 * np.pi / _ANGLES, 0.6 / _RADII / radius)
    metal = lch(rng.uniform(0.3, 0.9), rng.choice([0.01, 0.01, 0.12, 0.2]), rng.random())
    tip = metal if rng.random() < 0.6 else lch(rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.25), rng.random())
    if kind == "swing":
        return _racket(radius, angle, metal, tip, rng)
    if kind == "rotor":
        chord = np.float32(rng.uniform(0.06, 0.18)) * np.sin(np.pi * (0.12 + 0.8 * radius)) ** 0.7
        skew, inner, outer = np.float32(rng.uniform(-0.5, 0.5)) * radius, 0.06, 0.99
    else:
        chord = np.full_like(radius, rng.uniform(0.008, 0.024))
        skew, inner, outer = 0 * radius, 0.05, 0.97
    # All parts are alike: one period is enough, folded onto every angle.
    spacing = np.float32(2 * np.pi / parts)
    offset = (angle - skew) % spacing - spacing / 2
    half = chord / np.maximum(radius, 0.02)
    cover = np.clip((half - np.abs(offset)) / cell + 0.5, 0, 1) * ramp(radius, inner - 0.01, inner + 0.01)
    cover = cover * np.clip((outer - radius) * _RADII + 0.5, 0, 1)
    shade = 0.75 + 0.35 * np.clip(offset / half, -1, 1) + 0.5 * np.exp(-(((offset / half - 0.3) / 0.25) ** 2))
    mix = ramp(radius, 0.8, 0.82)[..., None]
    return layer(np.clip((metal * (1 - mix) + tip * mix) * shade[..., None], 0, 1), cover)


def _racket(radius: Array, angle: Array, frame: Float, strings: Float, rng: np.random.Generator) -> Float:
    """A racket, a hoop with strings on a handle, or a plain stick, along angle 0."""
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    u, v = radius * np.cos(angle), radius * np.sin(angle)
    sharp = np.maximum(1 / _RADII, radius * (2 * np.pi / _ANGLES))
    shaft = rng.uniform(0.008, 0.022)
    head, wide = rng.uniform(0.16, 0.27), rng.uniform(0.6, 0.95)
    end = 0.97 - 2 * head if rng.random() < 0.75 else 0.97
    across = np.abs(v) - shaft * (1 + 0.6 * ramp(0.3 - u, 0, 0.02))
    cover = np.clip(0.5 - across / sharp, 0, 1) * np.clip((end - u) / sharp + 0.5, 0, 1) * (u > 0)
    shade = 0.75 + 0.3 * np.clip(v / shaft, -1, 1)
    table = layer(np.clip(frame * shade[..., None], 0, 1), cover)
    if end < 0.9:
        reach = np.hypot(u - 0.97 + head, v / wide)
        hoop = np.clip(0.5 - (np.abs(reach - head) - 0.7 * shaft) / sharp, 0, 1)
        pitch, width = rng.uniform(0.018, 0.035), rng.uniform(0.002, 0.004)
        gaps = [1 - np.clip(0.5 - (np.abs(c % pitch - pitch / 2) - width / 2) / sharp, 0, 1) for c in (u, v)]
        web = (1 - gaps[0] * gaps[1]) * np.clip(0.5 - (reach - head) / sharp, 0, 1)
        table = over(layer(strings, web), table)
        table = over(layer(np.clip(frame * (0.75 + 0.3 * v / head)[..., None], 0, 1), hoop), table)
    return table


def _still(kind: str, x: Float, y: Float, radius: Float, pose: Pose, rng: np.random.Generator) -> Float:
    """What turns but looks at rest because it is round: hub, rim, handle; premultiplied RGBA."""
    tone = lch(rng.uniform(0.15, 0.85), rng.choice([0.01, 0.08]), rng.random())
    hub = {"rotor": rng.uniform(0.05, 0.11), "wheel": rng.uniform(0.03, 0.07), "swing": rng.uniform(0.012, 0.025)}[kind]
    alpha = np.clip((hub - radius) / pose.pixel + 0.5, 0, 1)
    if kind == "wheel" or (kind == "rotor" and rng.random() < 0.3):
        rim, width = 0.97, rng.uniform(0.006, 0.03)
        inner = np.clip((rim - width - radius) / pose.pixel + 0.5, 0, 1)
        alpha = alpha + np.clip((rim - radius) / pose.pixel + 0.5, 0, 1) - inner
    light = rng.uniform(0, 2 * np.pi)
    bump = (x * np.cos(light) + y * np.sin(light)) / np.maximum(radius, 1e-3)
    shade = 0.7 + 0.35 * bump * np.clip(radius / hub, 0, 1)
    color = np.clip(tone * shade[..., None], 0, 1)
    return layer(color, alpha)
