"""From a sample of any size to one of the network's size. A transform maps a Sample to a Sample.

The mended ones keep I = aF + (1-a)B through resizing: image and alpha are averaged, the foreground is averaged weighted
by alpha and the background by 1 - alpha. Labels are taken from the nearest pixel. What is too small is padded by
reflection, never stretched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from aimkit.matting import kernels
from aimkit.recipe import Block, Range
from aimkit.registry import Registry
from aimkit.synth.engine import Choose
from aimkit.synth.view import View
from aimkit.types import Array, Float, Sample

PLANES = ("image", "alpha", "trimap", "label", "foreground", "background")
LABELS = ("trimap", "label")


class TransformBlock(Block):
    """Keys that all transforms have.

    Attributes:
        transform: Registered name.
        size: Side of the square that comes out, pixels.
        flip: Chance of mirroring left and right.
    """

    transform: str
    size: int = Field(320, ge=16)
    flip: float = Field(0.5, ge=0, le=1)


#: Entries are ``(sample, params, rng) -> Sample`` and carry ``params``.
transforms: Registry[Callable[[Sample, Any, np.random.Generator], Sample]] = Registry(
    "transform", ["aimkit.data.transforms"]
)


class Crop(TransformBlock):
    """Attributes:
    crops: Sides of the square crop before it is resized, pixels; one is drawn.
    around_unknown: Chance that the crop lies around a pixel of the transition area.
    """

    transform: Literal["crop"] = "crop"
    crops: tuple[int, ...] = Field((320, 480, 640, 960, 1280), min_length=1)
    around_unknown: float = Field(0.5, ge=0, le=1)


@transforms.register("crop", params=Crop)
def crop(sample: Sample, params: Crop, rng: np.random.Generator) -> Sample:
    """Crop a square, often around the transition area, and average it down to the network's size.

    The intent of the paper's augmentation without its flaws: the crop is centred near the pixel instead of starting at
    it, and crops that the image is too small for are not drawn.
    """
    fitting = [side for side in params.crops if side <= min(sample.size)] or [min(params.crops)]
    side = int(rng.choice(fitting))
    at = rng.random(2)
    center = _unknown_pixel(sample.label, rng) if rng.random() < params.around_unknown else None
    sample = _pad(sample, side)
    height, width = sample.size
    if center is None:
        top, left = round(at[0] * (height - side)), round(at[1] * (width - side))
    else:
        # The pixel lies in the middle half of the crop, not always in its very middle.
        top, left = (round(c - side * (0.25 + 0.5 * u)) for c, u in zip(center, at, strict=True))
        top, left = min(max(top, 0), height - side), min(max(left, 0), width - side)
    sample = _window(sample, top, left, side, side)
    return _resize(_maybe_flip(sample, params, rng), (params.size, params.size))


def crop_view(params: Crop | Gca, rng: np.random.Generator, *, reduced: bool) -> Choose:
    """What :func:`crop` does, drawn before the sample is made, so that only the crop needs to be made.

    Args:
        params: Parameters of the transform.
        rng: Stream of the crop.
        reduced: See the crop at the size that comes out, wherever that is smaller.

    Returns:
        The chooser for :meth:`aimkit.synth.engine.Synthesizer.window`. Canvases that are too small for the smallest
        crop are seen as a whole, and padded by :func:`finish_crop`.
    """
    crops = params.crops if isinstance(params, Crop) else (params.size,)

    def choose(canvas: tuple[int, int], transition: Callable[[], Float]) -> View:
        fitting = [side for side in crops if side <= min(canvas)]
        side = int(rng.choice(fitting or [min(crops)]))
        at = rng.random(2)
        around = rng.random() < params.around_unknown
        if not fitting:
            return View.whole(canvas)
        center = _pixel(transition(), canvas, rng) if around else None
        if center is None:
            start = [round(float(u) * (extent - side)) for u, extent in zip(at, canvas, strict=True)]
        else:
            # The pixel lies in the middle half of the crop, not always in its very middle.
            start = [round(c - side * (0.25 + 0.5 * float(u))) for c, u in zip(center, at, strict=True)]
            start = [min(max(n, 0), extent - side) for n, extent in zip(start, canvas, strict=True)]
        scale = params.size / side if reduced and side > params.size else 1.0
        size = params.size if scale < 1 else side
        # Whole pixels of the view: where it is half as large as the canvas, its pixels are there already.
        return View(canvas, (size, size), (round(start[0] * scale), round(start[1] * scale)), scale)

    return choose


def finish_crop(sample: Sample, params: Crop | Gca, rng: np.random.Generator) -> Sample:
    """Bring the window that :func:`crop_view` chose to its size, and maybe mirror it."""
    if sample.size != (params.size, params.size):
        side = min(params.crops) if isinstance(params, Crop) else params.size
        sample = _pad(sample, side) if min(sample.size) < side else sample
        height, width = sample.size
        square = min(height, width)
        sample = _window(sample, (height - square) // 2, (width - square) // 2, square, square)
    return _maybe_flip(_resize(sample, (params.size, params.size)), params, rng)


def _pixel(weights: Float, canvas: tuple[int, int], rng: np.random.Generator) -> tuple[float, float] | None:
    """(y, x) on the canvas of a pixel of its overview, drawn by weight; None when no pixel weighs anything."""
    cumulated = np.cumsum(weights.ravel(), dtype=np.float64)
    u, inside = rng.random(), rng.random(2)
    if not cumulated[-1] > 0:
        return None
    place = min(int(np.searchsorted(cumulated, u * cumulated[-1], "right")), cumulated.size - 1)
    y, x = divmod(place, weights.shape[1])
    return (y + inside[0]) * canvas[0] / weights.shape[0], (x + inside[1]) * canvas[1] / weights.shape[1]


class Gca(TransformBlock):
    """Attributes:
    around_unknown: Chance that the crop lies around a pixel of the transition area.
    """

    transform: Literal["gca"] = "gca"
    size: int = Field(512, ge=16)
    around_unknown: float = Field(1.0, ge=0, le=1)


@transforms.register("gca", params=Gca)
def gca(sample: Sample, params: Gca, rng: np.random.Generator) -> Sample:
    """Crop around the transition area at full resolution (GCA matting, AAAI 2020)."""
    same = Crop(size=params.size, crops=(params.size,), around_unknown=params.around_unknown, flip=params.flip)
    return crop(sample, same, rng)


class Fit(TransformBlock):
    """Attributes:
    zoom: The long side is scaled to this multiple of the size, drawn from [low, high]; what is over is cut off.
    """

    transform: Literal["fit"] = "fit"
    zoom: Range = (1.0, 1.0)


@transforms.register("fit", params=Fit)
def fit(sample: Sample, params: Fit, rng: np.random.Generator) -> Sample:
    """The whole image in its own proportions, padded to a square: for the saliency stage and for validation."""
    scale = params.size / max(sample.size) * float(rng.uniform(*params.zoom))
    height, width = (max(1, round(n * scale)) for n in sample.size)
    at = rng.random(2)
    sample = _pad(_resize(_maybe_flip(sample, params, rng), (height, width)), params.size)
    height, width = sample.size
    top, left = round(at[0] * (height - params.size)), round(at[1] * (width - params.size))
    return _window(sample, top, left, params.size, params.size)


class AimParity(TransformBlock):
    """Attributes:
    crops: Sides before resizing, pixels; one is drawn.
    small: Side when the image is not larger than the drawn one.
    start_at_unknown: Chance that the crop starts at a pixel of the transition area.
    """

    transform: Literal["aim_parity"] = "aim_parity"
    crops: tuple[int, ...] = Field((640, 960, 1280), min_length=1)
    small: int = Field(320, ge=1)
    start_at_unknown: float = Field(0.5, ge=0, le=1)


@transforms.register("aim_parity", params=AimParity)
def aim_parity(sample: Sample, params: AimParity, rng: np.random.Generator) -> Sample:
    """The reference's matting transform to the letter: the crop starts at an unknown pixel, all planes are resized
    bilinearly, labels too, small images are stretched."""
    height, width = sample.size
    side = int(rng.choice(params.crops))
    if side >= min(height, width):
        side = params.small
    top, left = int(rng.integers(0, max(1, height - side + 1))), int(rng.integers(0, max(1, width - side + 1)))
    start = _unknown_pixel(sample.label, rng) if rng.random() < params.start_at_unknown else None
    if start is not None:
        top, left = min(start[0], max(0, height - side)), min(start[1], max(0, width - side))
    sample = _window(sample, top, left, min(side, height), min(side, width))
    return _stretch(_maybe_flip(sample, params, rng), params.size)


class DutsParity(TransformBlock):
    """As all transforms."""

    transform: Literal["duts_parity"] = "duts_parity"


@transforms.register("duts_parity", params=DutsParity)
def duts_parity(sample: Sample, params: DutsParity, rng: np.random.Generator) -> Sample:
    """The reference's saliency transform: flip, and stretch the whole image bilinearly."""
    return _stretch(_maybe_flip(sample, params, rng), params.size)


def _planes(sample: Sample) -> list[str]:
    """Names of the planes that the sample has; folders of photos have neither foreground nor background."""
    return [name for name in PLANES if getattr(sample, name).shape[:2] == sample.size]


def _window(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    cut: dict[str, Any] = {
        name: getattr(sample, name)[top : top + height, left : left + width] for name in _planes(sample)
    }
    return replace(sample, **cut)


def _maybe_flip(sample: Sample, params: TransformBlock, rng: np.random.Generator) -> Sample:
    if rng.random() >= params.flip:
        return sample
    return replace(sample, **{name: getattr(sample, name)[:, ::-1] for name in _planes(sample)})


def _pad(sample: Sample, side: int) -> Sample:
    """Reflect the borders until both sides have that many pixels."""
    below, beside = (max(0, side - n) for n in sample.size)
    if not below and not beside:
        return sample
    borders = (below // 2, below - below // 2, beside // 2, beside - beside // 2)
    padded: dict[str, Any] = {
        name: cv2.copyMakeBorder(np.ascontiguousarray(getattr(sample, name)), *borders, cv2.BORDER_REFLECT_101)
        for name in _planes(sample)
    }
    return replace(sample, **padded)


def _resize(sample: Sample, size: tuple[int, int]) -> Sample:
    """Resize all planes so that the compositing equation survives."""
    if sample.size == size:
        return sample
    kernel = cv2.INTER_AREA if size[0] <= sample.size[0] and size[1] <= sample.size[1] else cv2.INTER_LINEAR
    times = sample.size[0] // size[0]
    if sample.size == (times * size[0], times * size[1]) and len(_planes(sample)) == len(PLANES):
        planes = kernels.reduce(sample.image, sample.alpha, sample.foreground, sample.background, times)
        small: dict[str, Any] = dict(zip(("image", "alpha", "foreground", "background"), planes, strict=True))
        for name in LABELS:
            small[name] = getattr(sample, name)[times // 2 :: times, times // 2 :: times]
        return replace(sample, **small)
    alpha = sample.alpha
    result: dict[str, Any] = {
        "alpha": _to(alpha, size, kernel),
        "image": _to(sample.image, size, kernel),
    }
    for name in LABELS:
        result[name] = _to(getattr(sample, name), size, cv2.INTER_NEAREST_EXACT)
    for name, weight in (("foreground", alpha), ("background", 255 - alpha)):
        plane = getattr(sample, name)
        if plane.shape[:2] == sample.size:
            sums = _to(np.multiply(plane, cv2.merge([weight, weight, weight]), dtype=np.uint16), size, kernel)
            share = _to(weight.astype(np.float32), size, kernel)
            solid = (share > 0.5)[..., None]
            mean = sums / np.maximum(share, np.float32(0.5))[..., None]
            unseen = _to(plane, size, cv2.INTER_NEAREST_EXACT)
            result[name] = np.where(solid, np.rint(np.minimum(mean, 255)).astype(np.uint8), unseen)
    return replace(sample, **result)


def _stretch(sample: Sample, size: int) -> Sample:
    """Resize all planes bilinearly to a square, labels too, as the reference does."""
    stretched: dict[str, Any] = {
        name: _to(getattr(sample, name), (size, size), cv2.INTER_LINEAR) for name in _planes(sample)
    }
    return replace(sample, **stretched)


def _to(plane: Array, size: tuple[int, int], kernel: int) -> Array:
    return cv2.resize(plane, (size[1], size[0]), interpolation=kernel)


def _unknown_pixel(label: Array, rng: np.random.Generator) -> tuple[int, int] | None:
    """(y, x) of a random pixel of the transition area, or None when there is none."""
    positions = np.flatnonzero((label > 0) & (label < 255))
    choice = int(rng.integers(max(1, len(positions))))
    if not len(positions):
        return None
    y, x = divmod(int(positions[choice]), label.shape[1])
    return y, x
