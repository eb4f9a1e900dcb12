"""A spider's orb web over the frame: spokes from a hub, a spiral that sags between them, dew on the threads."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, over, strokes
from aimkit.generators.lens import defocus
from aimkit.generators.noise import unit
from aimkit.generators.specks import specks
from aimkit.types import Array, Float, Foreground, ImageType


class Web(GeneratorBlock):
    """A spider web.

    Attributes:
        spokes: Threads from the hub.
        pitch: Distance between turns of the spiral, relative to the short side of the frame.
        thread: Thickness of a spoke, relative to the short side of the frame.
        sag: How far a thread of the spiral hangs towards the hub, in its own length.
        hub: How far the hub may lie from the middle, relative to the short side of the frame.
        dew: Drops to a turn between two spokes; below 0 the web is dry.
        opacity: Alpha of a thread, in [0, 1].
        defocus: Radius of the circle of confusion, relative to the short side of the frame.
        tone: Brightness of the threads, in [0, 1].
    """

    generator: Name = "web"
    spokes: Annotated[Range, Within(3, 120)] = (16, 32)
    pitch: Annotated[Range, Within(0.005, 0.3)] = (0.02, 0.05)
    thread: Annotated[Range, Within(0.0003, 0.03)] = (0.002, 0.005)
    sag: Shares = (0.05, 0.25)
    hub: Shares = (0, 0.35)
    dew: Annotated[Range, Within(-10, 20)] = (-3, 4)
    opacity: Shares = (0.6, 1.0)
    defocus: Annotated[Range, Within(0, 0.05)] = (0, 0.003)
    tone: Shares = (0.6, 1.0)


@generators.register("web", type=ImageType.NS, category="spider_web", params=Web)
def web(params: Web, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Spider web over the frame, dry or with dew."""
    thread, opacity = draw(rng, params.thread), draw(rng, params.opacity)
    color = np.clip(draw(rng, params.tone) * (1 + rng.normal(0, 0.03, 3)), 0, 1).astype(np.float32)
    hub = np.array([size[1], size[0]]) / unit(size) / 2 + draw(rng, params.hub) * rng.uniform(-1, 1, 2)
    spokes, turns = _threads(params, size, hub, rng)
    shine = _shine(spokes, hub, rng)
    layer = strokes(
        size, spokes, np.array(thread), np.clip(color * shine[..., None], 0, 1), opacity * np.clip(shine, 0, 1)
    )
    shine = _shine(turns, hub, rng)
    fine = strokes(
        size, turns, np.array(0.75 * thread), np.clip(color * shine[..., None], 0, 1), opacity * np.clip(shine, 0, 1)
    )
    layer = over(fine, layer)
    dew = draw(rng, params.dew)
    if dew > 0:
        layer = over(_drops(size, turns, dew, thread, color, rng), layer)
    layer = defocus(layer, draw(rng, params.defocus) * unit(size))
    return foreground(layer, ImageType.NS, "spider_web")


def _threads(params: Web, size: tuple[int, int], hub: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Spokes (S, 2, 2) and pieces of the spiral between neighbouring spokes (N, 7, 2), in frame units."""
    count = round(draw(rng, params.spokes))
    angle = (np.arange(count) + rng.uniform(-0.28, 0.28, count)) * 2 * np.pi / count + rng.uniform(0, 1)
    reach = 1.05 * float(np.hypot(size[0], size[1])) / unit(size)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    # Webs hang: they are longer downwards than upwards, and no circle.
    direction *= rng.uniform(0.85, 1.15, (count, 1)) * (1 + 0.15 * direction[:, 1:])
    begin, end = hub + 0.01 * direction, hub + reach * direction
    spokes = begin[:, None] + np.linspace(0, 1, 9)[:, None] * (end - begin)[:, None]
    pitch, sag = draw(rng, params.pitch), draw(rng, params.sag)
    rings = np.arange(2, int(reach / pitch))
    radius = pitch * (rings[:, None] + np.arange(count) / count + rng.normal(0, 0.1, (len(rings), count)))
    following = (
        pitch * (rings[:, None] + (np.arange(count) + 1) / count)
        + (radius - pitch * (rings[:, None] + np.arange(count) / count))[:, np.r_[1:count, 0]]
    )
    start = hub + radius[..., None] * direction
    stop = hub + following[..., None] * np.roll(direction, -1, axis=0)
    t = np.linspace(0, 1, 7)[:, None]
    pieces = start[:, :, None] * (1 - t) + stop[:, :, None] * t
    inward = hub - pieces
    inward /= np.maximum(np.linalg.norm(inward, axis=-1, keepdims=True), 1e-6)
    droop = np.linalg.norm(stop - start, axis=-1)[..., None, None] * 4 * t * (1 - t)
    gravity = np.array([0, 0.25])
    pieces = pieces + sag * droop * (rng.uniform(0.4, 1.2, radius.shape)[..., None, None] * inward + gravity)
    kept = rng.random(radius.shape) > 0.04
    inside = ((pieces > -0.05) & (pieces < np.array([size[1], size[0]]) / unit(size) + 0.05)).all(-1).any(-1)
    return spokes, pieces[kept & inside]


def _shine(points: Array, hub: Array, rng: np.random.Generator) -> Array:
    """Threads shine where they lie across the light: (N, P) factors around 0.9."""
    step = np.gradient(points, axis=1)
    step /= np.maximum(np.linalg.norm(step, axis=-1, keepdims=True), 1e-9)
    light = rng.uniform(0, np.pi)
    across = np.abs(step[..., 0] * np.sin(light) - step[..., 1] * np.cos(light))
    return 0.55 + 0.45 * across + rng.normal(0, 0.06, points.shape[:2])


def _drops(
    size: tuple[int, int], turns: Array, dew: float, thread: float, color: Float, rng: np.random.Generator
) -> Float:
    """Dew: drops along the spiral, each bright with a dark rim and a highlight."""
    count = min(int(dew * len(turns)), 2500)
    which, at = rng.integers(0, len(turns), count), rng.uniform(0, turns.shape[1] - 1.001, count)
    low = at.astype(int)
    part = (at - low)[:, None]
    centers = turns[which, low] * (1 - part) + turns[which, low + 1] * part
    radii = thread * np.exp(rng.normal(0.1, 0.45, count))
    body = specks(size, centers, radii, np.clip(color * 0.75 + rng.normal(0, 0.05, (count, 1)), 0, 1), 0.75)
    glint = specks(size, centers - 0.3 * radii[:, None], 0.4 * radii, np.ones(3), 0.95)
    return over(glint, body)
