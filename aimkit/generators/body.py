"""Bodies built from rounded parts: animals, heads, birds, cushions; as signed distances and heights.

A body is a list of groups from back to front; a group is a list of superellipses that melt into each other. Bodies are
drawn up around the origin in their own unit and then placed in the frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from aimkit.types import Array, Float


@dataclass(frozen=True)
class BodyPart:
    """A superellipse: centre, radii, angle in radians, and power (2 an ellipse, 4 a cushion)."""

    x: float
    y: float
    rx: float
    ry: float
    angle: float = 0.0
    power: float = 2.0


@dataclass(frozen=True)
class Body:
    """Groups from back to front, and spots (eyes, nose) that lie on the last group."""

    groups: list[list[BodyPart]]
    eyes: list[BodyPart]
    nose: list[BodyPart]

    def map(self, change: Callable[[BodyPart], BodyPart]) -> Body:
        """The body with every part changed."""
        return Body(
            [list(map(change, g)) for g in self.groups], *(list(map(change, s)) for s in (self.eyes, self.nose))
        )


def distance(parts: list[BodyPart], x: Float, y: Float, blend: float = 0.04) -> Float:
    """Signed distance to a group (first order, negative inside), frame units; ``blend`` is the width of the joints."""
    total: Float | None = None
    for part in parts:
        c, s = np.cos(part.angle), np.sin(part.angle)
        u = (c * (x - part.x) + s * (y - part.y)) / part.rx
        v = (c * (y - part.y) - s * (x - part.x)) / part.ry
        p = part.power
        u, v = np.abs(u) + 1e-6, np.abs(v) + 1e-6
        k = (u**p + v**p) ** (1 / p)
        slope = np.hypot(u ** (p - 1) / part.rx, v ** (p - 1) / part.ry) / k ** (p - 1)
        d = np.asarray((k - 1) / slope, np.float32)
        if total is None:
            total = d
        else:
            # Polynomial smooth minimum (Quilez).
            h = np.clip(blend - np.abs(total - d), 0, None) / blend
            total = np.asarray(np.minimum(total, d) - h * h * (blend / 4), np.float32)
    assert total is not None
    return total


def bulge(d: Array, radius: float) -> Float:
    """Height of an inflated shape: a quarter circle from the rim, flat deeper than ``radius``; 0 outside."""
    t = np.clip(-np.asarray(d, np.float32) / radius, 0, 1)
    return np.asarray(radius * np.sqrt(np.maximum(1 - (1 - t) ** 2, 0)), np.float32)


def place(body: Body, size: tuple[int, int], rng: np.random.Generator, fill: float, cut: float = 0.0) -> Body:
    """Turn, mirror, scale and move a body into the frame.

    Args:
        body: In its own unit.
        size: (height, width) of the frame; only the aspect ratio matters.
        rng: Where tilt, mirroring and position come from.
        fill: Share of the frame (of its tighter direction) that the body spans.
        cut: Share of the body's height that hangs below the frame.
    """
    tilt, mirror = rng.normal(0, 0.1), rng.choice([-1.0, 1.0])
    c, s = np.cos(tilt), np.sin(tilt)
    body = body.map(
        lambda p: replace(
            p, x=mirror * (c * p.x - s * p.y), y=s * p.x + c * p.y, angle=mirror * (p.angle + tilt)
        )
    )  # fmt: skip
    reach = [
        (p.x, p.y, np.hypot(p.rx * np.cos(p.angle), p.ry * np.sin(p.angle)),
         np.hypot(p.rx * np.sin(p.angle), p.ry * np.cos(p.angle)))
        for group in body.groups for p in group
    ]  # fmt: skip
    x, y, rx, ry = np.array(reach).T
    left, right, top, bottom = (x - rx).min(), (x + rx).max(), (y - ry).min(), (y + ry).max()
    wide, high = size[1] / min(size), size[0] / min(size)
    scale = fill * min(wide / (right - left), high / (bottom - top) / (1 - cut))
    slack_x, slack_y = wide - scale * (right - left), high - scale * (bottom - top) * (1 - cut)
    move_x = slack_x * rng.uniform(0.3, 0.7) - scale * left
    move_y = (slack_y if cut else slack_y * rng.uniform(0.35, 0.65)) - scale * top
    return body.map(
        lambda p: replace(p, x=scale * p.x + move_x, y=scale * p.y + move_y, rx=scale * p.rx, ry=scale * p.ry)
    )


def chain(points: ArrayLike, radii: ArrayLike) -> list[BodyPart]:
    """Overlapping ellipses along a polyline: a limb, a tail, a neck."""
    line, thick = np.asarray(points, float), np.asarray(radii, float)
    middle, step = (line[1:] + line[:-1]) / 2, np.diff(line, axis=0)
    radius = (thick[1:] + thick[:-1]) / 2
    return [
        BodyPart(m[0], m[1], float(np.hypot(*d) / 2 + r), float(r), float(np.arctan2(d[1], d[0])))
        for m, d, r in zip(middle, step, radius, strict=True)
    ]


def curve(start: tuple[float, float], angle: float, bend: float, length: float, count: int = 5) -> Float:
    """Points of an arc from ``start``: it sets out at ``angle`` and turns by ``bend`` in all; (count, 2)."""
    angles = angle + np.linspace(0, bend, count - 1)
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * length / (count - 1)
    return np.concatenate([[start], np.asarray(start) + np.cumsum(steps, axis=0)]).astype(np.float32)


def head(rng: np.random.Generator, x: float = 0.0, y: float = 0.0, r: float = 0.5) -> Body:
    """An animal's head from the front: skull, cheeks, muzzle, a pair of ears of some species."""
    wide = rng.uniform(0.85, 1.15)
    parts = [BodyPart(0, 0, wide, 0.95), BodyPart(0, 0.35, wide * rng.uniform(0.7, 1.05), rng.uniform(0.5, 0.65))]
    ear_long, ear_wide = rng.uniform(0.3, 1.1), rng.uniform(0.18, 0.38)
    spread = rng.uniform(0.35, 0.75)
    droop = rng.choice([0.0, 0.0, rng.uniform(1.2, 2.2)])
    ears = []
    for side in (-1, 1):
        lean = side * (rng.uniform(0.25, 0.5) + droop)
        out, up = np.sin(lean), -np.cos(lean)
        reach = 0.35 * ear_long
        ears.append(
            BodyPart(side * spread * wide + out * reach, -0.72 + up * reach, ear_long, ear_wide, np.arctan2(up, out))
        )
    eye_x, eye_y, eye_r = rng.uniform(0.32, 0.45), rng.uniform(-0.2, 0.05), rng.uniform(0.08, 0.14)
    eyes = [BodyPart(side * eye_x, eye_y, eye_r * 1.1, eye_r) for side in (-1, 1)]
    muzzle = BodyPart(0, 0.45, 0.4, 0.3)
    nose = [BodyPart(0, 0.36, rng.uniform(0.1, 0.16), rng.uniform(0.07, 0.1))]
    made = Body([ears, parts, [muzzle]], eyes, nose)
    turn = rng.normal(0, 0.12)
    return made.map(lambda p: _moved(_turned(p, turn), x, y, r))


def sitting(rng: np.random.Generator) -> Body:
    """An animal that sits and faces the viewer."""
    fat = rng.uniform(0.42, 0.62)
    trunk = [BodyPart(0, 0.35, fat * 0.8, 0.6), BodyPart(0, 0.7, fat * 1.05, 0.38)]
    legs = [
        part
        for side in (-1, 1)
        for part in chain([(side * 0.2, 0.3), (side * 0.22, 1.0)], [0.16, rng.uniform(0.1, 0.15)])
    ]
    side = rng.choice([-1, 1])
    tail = chain(
        curve((side * fat, 0.9), 0.0 if side > 0 else np.pi, -side * rng.uniform(0.5, 2.5), 0.9),
        np.linspace(0.13, 0.08, 5),
    )
    top = head(rng, rng.normal(0, 0.05), -0.42, rng.uniform(0.34, 0.46))
    return Body([tail, trunk, legs, *top.groups], top.eyes, top.nose)


def standing(rng: np.random.Generator) -> Body:
    """An animal from the side, on four legs."""
    long, tall, thick = rng.uniform(0.65, 0.95), rng.uniform(0.75, 1.1), rng.uniform(0.3, 0.42)
    trunk = [BodyPart(0, 0, long, thick), BodyPart(-0.55 * long, 0.02, thick * 1.15, thick * 1.1)]
    far: list[BodyPart] = []
    near: list[BodyPart] = []
    for x, group in ((-0.62, far), (0.68, far), (-0.5, near), (0.58, near)):
        foot = x + rng.normal(0, 0.1)
        knee = ((x + foot) / 2 + rng.normal(0, 0.06), 0.5 * tall)
        group += chain([(x * long, 0.1), (knee[0] * long, knee[1]), (foot * long, tall)], [0.19, 0.11, 0.09])
    tail = chain(
        curve((long * 0.92, -0.1), rng.uniform(-1.2, 0.9), rng.uniform(-1.5, 1.5), rng.uniform(0.3, 1.0)),
        np.linspace(0.1, 0.06, 5),
    )
    lift = rng.uniform(-0.75, 0.1)
    neck = chain([(-0.7 * long, -0.05), (-1.0 * long - 0.1, lift)], [0.28, 0.2])
    hx, hy = -1.05 * long - 0.2, lift - 0.05
    skull = [
        BodyPart(hx, hy, 0.27, 0.23),
        *chain([(hx, hy + 0.04), (hx - 0.38, hy + rng.uniform(0.08, 0.2))], [0.17, 0.1]),
    ]
    ear = rng.uniform(0.12, 0.32)
    ears = [BodyPart(hx + 0.1 + dx, hy - 0.2 - 0.5 * ear, ear, 0.08, -1.2 + dx) for dx in (-0.05, 0.1)]
    eye = [BodyPart(hx - 0.1, hy - 0.05, 0.038, 0.035)]
    tip = skull[-1]
    nose = [BodyPart(tip.x - 0.9 * tip.rx * np.cos(tip.angle) * np.sign(np.cos(tip.angle)), tip.y + 0.05, 0.05, 0.045)]
    return Body([far, tail, trunk, near, neck, ears, skull], eye, nose)


def lying(rng: np.random.Generator) -> Body:
    """An animal that lies curled up or like a loaf."""
    long, thick = rng.uniform(0.8, 1.1), rng.uniform(0.38, 0.5)
    trunk = [BodyPart(0, 0, long, thick, power=2.4), BodyPart(0.5, 0.02, thick * 1.1, thick * 1.05)]
    tail = chain(
        curve((long * 0.8, 0.25), 0.6, rng.uniform(1.5, 2.6), rng.uniform(0.7, 1.3)), np.linspace(0.14, 0.09, 5)
    )
    paws = chain([(-0.5, 0.3), (-0.95, 0.4)], [0.16, 0.11]) + chain([(-0.3, 0.33), (-0.6, 0.45)], [0.15, 0.11])
    top = head(rng, -0.8 * long, rng.uniform(-0.35, 0.0), rng.uniform(0.36, 0.44))
    return Body([trunk, tail, paws, *top.groups], top.eyes, top.nose)


def cushion(rng: np.random.Generator) -> Body:
    """A ball, a cushion, a rug or a heart-like lump, without a face."""
    wide = rng.uniform(0.7, 1.5)
    parts = [BodyPart(0, 0, wide, 1.0, power=rng.choice([2.0, 2.5, 4.0, 5.0]))]
    for _ in range(rng.choice([0, 0, 2, 4])):
        angle = rng.uniform(0, 2 * np.pi)
        parts.append(BodyPart(0.7 * wide * np.cos(angle), 0.7 * np.sin(angle), *rng.uniform(0.35, 0.65, 2)))
    return Body([parts], [], [])


def portrait(rng: np.random.Generator) -> Body:
    """Head and shoulders of an animal; the shoulders leave the frame at the bottom."""
    top = head(rng, 0, -0.3, rng.uniform(0.5, 0.62))
    shoulders = [BodyPart(0, 1.0, rng.uniform(0.7, 0.95), 0.95), BodyPart(0, 0.45, 0.45, 0.5)]
    return Body([shoulders, *top.groups], top.eyes, top.nose)


#: Bodies and how much of their height is cut by the bottom of the frame.
KINDS: dict[str, tuple[Callable[[np.random.Generator], Body], float]] = {
    "head": (head, 0.0),
    "sitting": (sitting, 0.0),
    "standing": (standing, 0.0),
    "lying": (lying, 0.0),
    "cushion": (cushion, 0.0),
    "portrait": (portrait, 0.3),
}


def _turned(part: BodyPart, angle: float) -> BodyPart:
    c, s = np.cos(angle), np.sin(angle)
    return replace(part, x=c * part.x - s * part.y, y=s * part.x + c * part.y, angle=part.angle + angle)


def _moved(part: BodyPart, x: float, y: float, r: float) -> BodyPart:
    return replace(part, x=x + r * part.x, y=y + r * part.y, rx=r * part.rx, ry=r * part.ry)
