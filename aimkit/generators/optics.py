"""Optics of clear things: Fresnel reflection, what is mirrored, and planes that emit and transmit.

A clear surface shows I = E + T B: light E that it sends to the viewer, and the share T of the background that it lets
through. That is the compositing equation with alpha = 1 - T and premultiplied colour E.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimkit.generators.flow import ramp
from aimkit.generators.shading import lch
from aimkit.types import Array, Float


def fresnel(cosine: Array, index: float = 1.5) -> Float:
    """Share of unpolarised light that a surface reflects.

    Args:
        cosine: Cosine of the angle of incidence, in [0, 1].
        index: Refractive index behind the surface, relative to that before it.
    """
    c = np.clip(np.asarray(cosine, np.float32), 0, 1)
    t = np.sqrt(1 - (1 - c * c) / index**2)
    across = (c - index * t) / (c + index * t)
    along = (t - index * c) / (t + index * c)
    return np.asarray(0.5 * (across**2 + along**2), np.float32)


def clear(emitted: Array, transmitted: Array) -> Float:
    """Premultiplied RGBA of a clear layer.

    Args:
        emitted: Light sent to the viewer, (H, W, 3), at least 0; what exceeds 1 is clipped.
        transmitted: Share of the background seen through, (H, W).

    Returns:
        float32, (H, W, 4). Alpha is 1 - transmitted, or more where the emitted light is so strong that straight
        colour would exceed 1.
    """
    emitted = np.clip(emitted, 0, 1)
    alpha = np.clip(np.maximum(1 - transmitted, emitted.max(axis=-1)), 0, 1)
    return np.dstack([emitted, alpha]).astype(np.float32)


@dataclass(frozen=True)
class Surroundings:
    """What shiny things mirror: a sky, a ground, and a few bright windows.

    Attributes:
        sky: RGB at the top, (3,).
        ground: RGB at the bottom, (3,).
        windows: One row a window: centre x, y, half width, half height, brightness, number of panes; in components of
            the mirrored direction, y up.
        soft: Width of the windows' edges.
    """

    sky: Float
    ground: Float
    windows: Float
    soft: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Surroundings:
        """A random sky, ground and one to four windows."""
        sky = lch(rng.uniform(0.6, 0.95), rng.uniform(0, 0.09), rng.choice([0.1, 0.68, 0.72]) + rng.normal(0, 0.05))
        ground = lch(rng.uniform(0.12, 0.5), rng.uniform(0, 0.06), rng.random())
        count = int(rng.integers(1, 5))
        windows = np.stack(
            [
                rng.choice([-1, 1], count) * rng.uniform(0.15, 0.75, count),
                rng.uniform(-0.15, 0.8, count),
                rng.uniform(0.05, 0.22, count),
                rng.uniform(0.08, 0.35, count),
                rng.uniform(0.8, 3.0, count),
                rng.choice([1, 1, 2], count),
            ],
            axis=1,
        )
        return cls(sky, ground, windows.astype(np.float32), float(rng.uniform(0.03, 0.12)))

    def seen(self, x: Array, y: Array) -> Float:
        """Light from the direction whose components across the view are x and y (up); float32, their shape + (3,)."""
        glow = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)), np.float32)
        for cx, cy, half_width, half_height, power, panes in self.windows:
            u, v = np.abs(x - cx), np.abs(y - cy)
            pane = power * ramp(half_width - u, 0, self.soft) * ramp(half_height - v, 0, self.soft)
            if panes > 1:
                bar = 0.12 * half_width
                pane = pane * ramp(u, bar, bar + self.soft) * ramp(v, bar, bar + self.soft)
            glow += pane
        light = ramp(y, -0.6, 0.7)[..., None]
        return np.asarray(self.ground + (self.sky - self.ground) * light + glow[..., None], np.float32)
