"""Depth of field: how far layers are out of focus, and a picture as a lens focused elsewhere shows it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aimkit.rng import rng
from aimkit.synth.geometry import filter_premultiplied
from aimkit.synth.layer import Layer
from aimkit.synth.provenance import Provenance
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.steps.lens import disc
from aimkit.types import Array, to_float

#: Largest radius of a disc in pixels of the level of a picture that is blurred. OpenCV sums up such small kernels
#: pixel by pixel; larger ones go through a Fourier transform, whose rounding depends on the picture's size.
_LARGEST = 4.0

#: Discs of a smaller radius, in pixels of the canvas, don't show.
_SHARP = 0.3


@dataclass(frozen=True)
class Lens:
    """Depth of field of a sample; distances are relative to the subject's, which is 1.

    Attributes:
        radius: Radius of the disc of what is infinitely far while the subject is in focus, in pixels of the canvas.
        focus: Distance of what is in focus.
        background: Distance of the background.
    """

    radius: float = 0.0
    focus: float = 1.0
    background: float = float("inf")

    def blur(self, distance: float) -> float:
        """Radius of the disc of a point at that distance, in pixels of the canvas."""
        return self.radius * abs(1 / self.focus - 1 / distance)


def draw_lens(recipe: SynthRecipe, index: int, size: tuple[int, int], provenance: Provenance) -> Lens:
    """The depth of field of a sample, on a canvas of that (height, width)."""
    how = recipe.focus
    draw = rng(recipe.seed, "sample", index, "focus")
    if how is None or draw.random() >= how.p:
        return Lens()
    radius, background = (log_uniform(draw, span) for span in (how.radius, how.background))
    missed, focus = bool(draw.random() < how.missed), log_uniform(draw, how.missed_distance)
    lens = Lens(radius * min(size) / 1000, focus if missed else 1.0, background)
    provenance.add("focus", {name: round(value, 4) for name, value in vars(lens).items()})
    return lens


def log_uniform(draw: np.random.Generator, span: tuple[float, float]) -> float:
    """A number from [low, high], drawn log-uniformly."""
    # The ends themselves don't survive the way through the logarithm.
    return float(np.clip(np.exp(draw.uniform(*np.log(span))), *span))


def out_of_focus(layer: Layer, canvas: tuple[int, int], approximate: bool = False) -> tuple[ImagePyramid, Array, str]:
    """A picture after the blur of its layer.

    The blur is applied to the picture, not to what a view shows of it. So a window shows what the whole canvas shows
    there, without any margin, and a coarse level of the picture will do for a large disc.

    Args:
        layer: A foreground or background as placed.
        canvas: (height, width) of the canvas; what lies far outside of it is left out.
        approximate: Whether pixels may differ by what a decoder saves by it, see :meth:`ImagePyramid.part`.

    Returns:
        The picture, its map to the canvas, and the kernel to resample it with.
    """
    if layer.blur < _SHARP:
        return layer.pixels, layer.matrix, layer.kernel
    matrix = np.asarray(layer.matrix, np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    radius = layer.blur / scale
    # Levels finer than the canvas would cost more and show no more.
    wanted = max(0, round(-np.log2(scale)), int(np.ceil(np.log2(radius / _LARGEST))))
    number = layer.pixels.depth(wanted)
    kernel = disc(radius / 2**number)
    half = kernel.shape[0] // 2
    linear, shift = matrix[:, :2] * 2.0**number, matrix[:, 2]
    seen = _seen(linear, shift, canvas, layer.pixels.extent(number), 2 * half + 2)
    color, alpha = layer.pixels.part(number, *seen, approximate)
    color = _padded(color, half)
    if alpha is None:
        color = np.asarray(cv2.filter2D(color, -1, kernel, borderType=cv2.BORDER_REPLICATE))
    else:
        color, alpha = filter_premultiplied(to_float(color), to_float(_padded(alpha, half)), kernel)
    corner = np.array([seen[1].start - half, seen[0].start - half])
    return ImagePyramid(color, alpha), np.column_stack([linear, linear @ corner + shift]), "auto"


def _padded(plane: Array, half: int) -> Array:
    """More pixels on every side. What a photo's border cuts off goes on behind it; all else is clear there."""
    return cv2.copyMakeBorder(np.asarray(plane), half, half, half, half, cv2.BORDER_REPLICATE)


def _seen(
    linear: Array, shift: Array, canvas: tuple[int, int], extent: tuple[int, int], margin: int
) -> tuple[slice, slice]:
    """Rows and columns of a level that the canvas shows, with a margin; one pixel at least."""
    height, width = canvas
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) - shift
    own = corners @ np.linalg.inv(linear).T
    low, high = np.floor(own.min(axis=0)).astype(int) - margin, np.ceil(own.max(axis=0)).astype(int) + margin
    size = np.array([extent[1], extent[0]])
    low = np.clip(low, 0, size - 1)
    high = np.maximum(np.clip(high, 1, size), low + 1)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
