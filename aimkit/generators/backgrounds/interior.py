"""A room: walls, floor and ceiling in central perspective, furniture, light from a window and soft shadows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.coverage import edge
from aimkit.generators.noise import fbm, grid, sample, unit
from aimkit.generators.scenery import develop, ramp, shades
from aimkit.generators.shading import to_linear
from aimkit.generators.wires import stripes
from aimkit.types import Array, Float

#: Linear light on a thing, from place on it (0 to 1), distance to its outline and the size of the frame.
Paint = Callable[[Float, Float, Float, tuple[int, int]], Float]


class Interior(GeneratorBlock):
    """A room.

    Attributes:
        depth: Size of the back wall, relative to the frame.
        things: Pieces of furniture, pictures and doors.
        sun: Brightness of the window's light, relative to the room's.
        shadow: Depth of the shadows.
    """

    generator: Name = "interior"
    depth: Annotated[Range, Within(0.05, 5)] = (0.3, 1.1)
    things: Annotated[Range, Within(0, 60)] = (2, 8)
    sun: Annotated[Range, Within(0, 10)] = (0, 2)
    shadow: Shares = (0.3, 0.8)


@background_generators.register("interior", params=Interior)
def interior(params: Interior, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """A room with furniture, window light and soft shadows."""
    x, y = grid(size)
    half = np.array([size[1], size[0]]) / unit(size) / 2
    eye = half * rng.uniform(0.7, 1.3, 2)
    room = draw(rng, params.depth) * half * rng.uniform(0.9, 1.3, 2)
    light, inner = _shell(x - np.float32(eye[0]), y - np.float32(eye[1]), room, size, rng)
    dark = draw(rng, params.shadow)
    for _ in range(round(draw(rng, params.things))):
        _thing(light, x, y, eye, room, dark, rng)
    light = light * _window(x, y, half, draw(rng, params.sun), rng)[..., None]
    # The far end and the corners get less of the light.
    return develop(light * (0.55 + 0.45 * inner)[..., None], rng)


def _shell(dx: Float, dy: Float, room: Array, size: tuple[int, int], rng: np.random.Generator) -> tuple[Float, Float]:
    """The empty room, linear light, and how near each pixel's wall is, 0 to 1."""
    side, flat = np.abs(dx) / np.float32(room[0]), np.abs(dy) / np.float32(room[1])
    nearness = np.maximum(np.maximum(side, flat), 1)
    u = dx / nearness
    depth = np.float32(1.5) / nearness
    hue, chroma = rng.random(), rng.uniform(0, 0.09)
    tones = np.clip(rng.uniform(0.45, 0.9) + rng.normal(0, 0.06, 3), 0.2, 0.97)
    stain = 0.92 + 0.16 * (fbm(size, rng, 2, 6, gain=0.6) - 0.5)
    back, sides, ceiling = (to_linear(shades(t, chroma, hue)) * stain[..., None] for t in tones)
    if rng.random() < 0.35:
        paper = stripes(u * rng.uniform(6, 25), rng.uniform(0.2, 0.6)) * rng.uniform(0.1, 0.45)
        back = back * (1 - paper)[..., None]
    floor = _floor(u, depth, size, rng)
    joint = unit(size)
    on_side = np.clip((side - np.maximum(flat, 1)) * room[0] * joint + 0.5, 0, 1)[..., None]
    on_flat = np.clip((flat - np.maximum(side, 1)) * room[1] * joint + 0.5, 0, 1)[..., None]
    light = back + on_side * (sides * rng.uniform(0.6, 1) - back)
    light = light + on_flat * (np.where((dy > 0)[..., None], floor, ceiling) - light)
    corner = (
        1
        - 0.35 * np.exp(-np.abs(np.maximum(side, flat) - 1) / 0.08)
        - 0.2 * np.exp(-np.abs(side - flat) / 0.1) * (nearness > 1)
    )
    return np.asarray(light * corner[..., None], np.float32), np.asarray(1 - 1 / (1 + nearness), np.float32)


def _floor(u: Array, depth: Array, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Boards, tiles or carpet on the floor's plane."""
    hue, tone = rng.choice([rng.uniform(0.1, 0.2), rng.random()]), rng.uniform(0.25, 0.75)
    across, along = u * rng.uniform(3, 9), depth * rng.uniform(4, 12)
    kind = rng.integers(3)
    grain = fbm(size, rng, 25, 4, gain=0.8, stretch=(3, 1))
    if kind == 2:
        return ramp(grain, shades([tone - 0.08, tone + 0.08], rng.uniform(0, 0.12), hue))
    table = rng.random((64, 64), np.float32)
    own = table[np.floor(across).astype(int) % 64, np.floor(along * (0.25 if kind == 0 else 1)).astype(int) % 64]
    if kind == 1 and rng.random() < 0.5:
        own = np.mod(np.floor(across) + np.floor(along), 2)
    gaps = np.maximum(
        stripes(across + np.float32(0.5), 0.03), stripes(along * (0.25 if kind == 0 else 1) + np.float32(0.5), 0.03)
    )
    boards = ramp(
        0.3 + 0.5 * own + 0.4 * (grain - 0.5), shades([tone - 0.15, tone + 0.15], rng.uniform(0.01, 0.09), hue)
    )
    return boards * (1 - 0.6 * gaps)[..., None]


def _thing(light: Float, x: Float, y: Float, eye: Array, room: Array, dark: float, rng: np.random.Generator) -> None:
    """Put a picture on the back wall, or a box on the floor that throws a soft shadow, into the room."""
    hanging = rng.random() < 0.4
    wide, tall = rng.uniform(0.08, 0.45, 2) * (0.7 if hanging else 1)
    left = eye[0] + rng.uniform(-1, 1) * room[0] - wide / 2
    top = eye[1] + room[1] * (rng.uniform(-0.6, 0.3) if hanging else rng.uniform(1.0, 1.5)) - tall
    soft, drop = rng.uniform(0.005, 0.05), rng.uniform(0.0, 0.03, 2)
    paint = _painting(rng) if hanging else _cabinet(rng)
    margin = 0.05 + 2 * soft
    rows = slice(*np.searchsorted(y[:, 0], [top - margin, top + tall + margin]))
    cols = slice(*np.searchsorted(x[0], [left - margin, left + wide + margin]))
    if rows.stop - rows.start < 2 or cols.stop - cols.start < 2:
        return
    u, v = (x[rows, cols] - np.float32(left)) / np.float32(wide), (y[rows, cols] - np.float32(top)) / np.float32(tall)
    shade = np.maximum((np.abs(u - 0.5 - drop[0] / wide) - 0.5) * wide, (np.abs(v - 0.5 - drop[1] / tall) - 0.5) * tall)
    shade = np.clip(0.5 - shade / (2 * soft), 0, 1)
    part = light[rows, cols] * (1 - dark * shade * shade * (3 - 2 * shade))[..., None]
    outside = np.maximum((np.abs(u - 0.5) - 0.5) * wide, (np.abs(v - 0.5) - 0.5) * tall)
    cover = edge(outside, light.shape[:2])[..., None]
    light[rows, cols] = part + cover * (paint(u, v, outside, light.shape[:2]) - part)


def _painting(rng: np.random.Generator) -> Paint:
    """A framed picture: fractal blotches in a few colours."""
    image = fbm((96, 96), rng, rng.uniform(1.5, 5), 4)
    colors = shades(rng.uniform(0.1, 0.9, 4), rng.uniform(0, 0.15), rng.random() + rng.normal(0, 0.2, 4))
    frame = to_linear(shades(rng.uniform(0.1, 0.9), rng.uniform(0, 0.1), rng.random()))
    rim = rng.uniform(0.005, 0.02)

    def paint(u: Float, v: Float, outside: Float, size: tuple[int, int]) -> Float:
        return frame + edge(outside + rim, size)[..., None] * (ramp(sample(image, u, v), colors) - frame)

    return paint


def _cabinet(rng: np.random.Generator) -> Paint:
    """A box with doors or drawers, a little darker towards one side."""
    color = to_linear(shades(rng.uniform(0.1, 0.9), rng.uniform(0, 0.14), rng.random()))
    rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    fall = 0.35 * rng.choice([-1, 1])

    def paint(u: Float, v: Float, outside: Float, size: tuple[int, int]) -> Float:
        gaps = np.maximum(stripes(v * rows + np.float32(0.5), 0.04), stripes(u * columns + np.float32(0.5), 0.03))
        return np.asarray(color * ((1 - fall * u) * (1 - 0.6 * gaps))[..., None], np.float32)

    return paint


def _window(x: Float, y: Float, half: Array, strength: float, rng: np.random.Generator) -> Float:
    """Panes of sunlight, sheared as they fall across the room, over an uneven base of light."""
    turn, shear = rng.normal(0, 0.3), rng.uniform(-0.8, 0.8)
    a = (x - half[0] * rng.uniform(0.4, 1.6)) * np.cos(turn) + (y - half[1]) * np.sin(turn)
    b = (y - half[1] * rng.uniform(0.5, 1.6)) * np.cos(turn) + shear * a
    wide, tall, soft = rng.uniform(0.15, 0.4), rng.uniform(0.2, 0.5), rng.uniform(0.006, 0.06)
    inside = np.clip(0.5 - (np.abs(a) - wide) / soft, 0, 1) * np.clip(0.5 - (np.abs(b) - tall) / soft, 0, 1)
    bars = np.clip(0.5 - (0.012 - np.abs(np.mod(a / wide * 1.5, 1) - 0.5) * wide / 1.5) / soft, 0, 1)
    sweep = np.exp(rng.normal(0, 0.5) * (x - half[0]) + rng.normal(0, 0.4) * (y - half[1]))
    return np.asarray(sweep * (1 + strength * inside * bars), np.float32)
