"""Transforms: from a sample of any size to one of the network's size.

A transform is one class. Its fields are the recipe's keys, and ``apply`` maps a Sample to a Sample. The corrected ones
keep I = aF + (1-a)B through resizing, and pad images that are too small by reflection instead of stretching them; those
named "parity" do what the reference does, with its flaws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from aimkit.bounds import CanvasSide, CropSides, Name, Share, TrainingSide, Within
from aimkit.data.reshape import cut, mirror, pad, resize, stretch
from aimkit.recipe import Block, Range
from aimkit.registry import Registry
from aimkit.synth.engine import ViewChooser
from aimkit.synth.view import View
from aimkit.types import Array, Float, Sample


class Transform(Block):
    """A transform. Its fields are the keys of its table in a recipe.

    Attributes:
        transform: Registered name.
        size: Side of the square that comes out, in pixels.
        flip: Probability of mirroring left and right.
    """

    transform: Name
    size: TrainingSide = 320
    flip: Share = 0.5

    def apply(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Transform a sample.

        Args:
            sample: A sample of any size.
            rng: Stream of this sample.

        Returns:
            A sample of ``size`` x ``size`` pixels.
        """
        raise NotImplementedError


#: The transform classes.
transforms: Registry[type[Transform]] = Registry("transform", ["aimkit.data.transforms"])


class SquareCrop(Transform):
    """Crop a square, often around the transition area, and average it down to the network's size.

    The intent of the paper's augmentation without its flaws: the crop is centred near the pixel instead of starting at
    it, and crops that the image is too small for are not drawn.

    Where composites are made on the fly, the crop can be chosen first, so that only the crop is made: :meth:`view`
    chooses it and :meth:`finish` brings it to its size.

    Attributes:
        around_unknown: Probability that the crop lies around a pixel of the transition area.
    """

    around_unknown: float = Field(0.5, ge=0, le=1)

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the crop before it is resized, in pixels; one is drawn."""
        raise NotImplementedError

    def apply(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Crop a finished sample."""
        side, (top, left) = self._square(sample.size, rng, lambda: _unknown_pixel(sample.label, rng))
        sample = cut(pad(sample, side), top, left, side, side)
        return resize(_maybe_flip(sample, self.flip, rng), (self.size, self.size))

    def view(self, rng: np.random.Generator, *, reduced: bool) -> ViewChooser:
        """Choose the crop before its sample is made.

        Args:
            rng: Stream of the sample.
            reduced: See the crop at the size that comes out, wherever that is smaller.

        Returns:
            The chooser for :meth:`aimkit.synth.engine.Synthesizer.window`. It shows the whole of a canvas that is
            smaller than every crop; :meth:`finish` pads it.
        """

        def choose(canvas: tuple[int, int], transition: Callable[[], Float]) -> View:
            too_small = min(canvas) < min(self.sides)
            side, start = self._square(
                canvas, rng, lambda: None if too_small else _weighted_pixel(transition(), canvas, rng)
            )
            if too_small:
                return View.whole(canvas)
            scale = self.size / side if reduced and side > self.size else 1.0
            size = self.size if scale < 1 else side
            # Whole pixels of the view: where it is half as large as the canvas, its pixels are there already.
            return View(canvas, (size, size), (round(start[0] * scale), round(start[1] * scale)), scale, scale < 1)

        return choose

    def finish(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Bring the window that :meth:`view` chose to its size, and maybe mirror it."""
        if sample.size != (self.size, self.size):
            side = min(self.sides)
            sample = pad(sample, side) if min(sample.size) < side else sample
            height, width = sample.size
            square = min(height, width)
            sample = cut(sample, (height - square) // 2, (width - square) // 2, square, square)
        return _maybe_flip(resize(sample, (self.size, self.size)), self.flip, rng)

    def _square(
        self, size: tuple[int, int], rng: np.random.Generator, pixel: Callable[[], tuple[float, float] | None]
    ) -> tuple[int, tuple[int, int]]:
        """Draw the side and the (top, left) of the crop of an image of that (height, width), padded if need be.

        ``pixel`` draws the (y, x) of a pixel of the transition area, or None.
        """
        fitting = [side for side in self.sides if side <= min(size)] or [min(self.sides)]
        side = int(rng.choice(fitting))
        at = rng.random(2)
        center = pixel() if rng.random() < self.around_unknown else None
        room = [max(0, n - side) for n in size]
        if center is None:
            top, left = (round(float(u) * r) for u, r in zip(at, room, strict=True))
        else:
            # The pixel lies in the middle half of the crop, not always in its very middle.
            start = [round(c - side * (0.25 + 0.5 * float(u))) for c, u in zip(center, at, strict=True)]
            top, left = (min(max(n, 0), r) for n, r in zip(start, room, strict=True))
        return side, (top, left)


@transforms.register("crop")
class Crop(SquareCrop):
    """Crop a square of one of several sides, often around the transition area, and average it down.

    Attributes:
        crops: Sides of the crop before it is resized, in pixels; one is drawn.
        around_unknown: Probability that the crop lies around a pixel of the transition area.
    """

    transform: Literal["crop"] = "crop"
    crops: CropSides = Field((320, 480, 640, 960, 1280), min_length=1)

    @property
    def sides(self) -> tuple[int, ...]:
        """The recipe's ``crops``."""
        return self.crops


@transforms.register("gca")
class Gca(SquareCrop):
    """Crop around the transition area at full resolution (GCA matting, AAAI 2020).

    Attributes:
        around_unknown: Probability that the crop lies around a pixel of the transition area.
    """

    transform: Literal["gca"] = "gca"
    size: TrainingSide = 512
    around_unknown: Share = 1.0

    @property
    def sides(self) -> tuple[int, ...]:
        """The side that comes out: nothing is resized."""
        return (self.size,)


@transforms.register("fit")
class Fit(Transform):
    """The whole image in its own proportions, padded to a square: for the saliency stage and for validation.

    Attributes:
        zoom: Long side as a multiple of the size, drawn from [low, high]; what lies beyond the square is cut off.
    """

    transform: Literal["fit"] = "fit"
    zoom: Annotated[Range, Within(0.1, 10)] = (1.0, 1.0)

    def apply(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Resize, pad and cut."""
        scale = self.size / max(sample.size) * float(rng.uniform(*self.zoom))
        height, width = (max(1, round(n * scale)) for n in sample.size)
        at = rng.random(2)
        sample = pad(resize(_maybe_flip(sample, self.flip, rng), (height, width)), self.size)
        height, width = sample.size
        top, left = round(at[0] * (height - self.size)), round(at[1] * (width - self.size))
        return cut(sample, top, left, self.size, self.size)


@transforms.register("aim_parity")
class AimParity(Transform):
    """The reference's matting transform, reproduced exactly.

    The crop starts at an unknown pixel, all planes are resized bilinearly, labels too, and small images are stretched.

    Attributes:
        crops: Sides of the crop before it is resized, in pixels; one is drawn.
        small: Side of the crop when the image is not larger than the drawn one, in pixels.
        start_at_unknown: Probability that the crop starts at a pixel of the transition area.
    """

    transform: Literal["aim_parity"] = "aim_parity"
    crops: CropSides = Field((640, 960, 1280), min_length=1)
    small: CanvasSide = 320
    start_at_unknown: Share = 0.5

    def apply(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Crop and stretch."""
        height, width = sample.size
        side = int(rng.choice(self.crops))
        if side >= min(height, width):
            side = self.small
        top, left = int(rng.integers(0, max(1, height - side + 1))), int(rng.integers(0, max(1, width - side + 1)))
        start = _unknown_pixel(sample.label, rng) if rng.random() < self.start_at_unknown else None
        if start is not None:
            top, left = min(start[0], max(0, height - side)), min(start[1], max(0, width - side))
        sample = cut(sample, top, left, min(side, height), min(side, width))
        return stretch(_maybe_flip(sample, self.flip, rng), self.size)


@transforms.register("duts_parity")
class DutsParity(Transform):
    """The reference's saliency transform: flip, and stretch the whole image bilinearly."""

    transform: Literal["duts_parity"] = "duts_parity"

    def apply(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Stretch the image to the square."""
        return stretch(_maybe_flip(sample, self.flip, rng), self.size)


def _maybe_flip(sample: Sample, probability: float, rng: np.random.Generator) -> Sample:
    return mirror(sample) if rng.random() < probability else sample


def _unknown_pixel(label: Array, rng: np.random.Generator) -> tuple[int, int] | None:
    """(y, x) of a random pixel of the transition area, or None when there is none."""
    positions = np.flatnonzero((label > 0) & (label < 255))
    choice = int(rng.integers(max(1, len(positions))))
    if not len(positions):
        return None
    y, x = divmod(int(positions[choice]), label.shape[1])
    return y, x


def _weighted_pixel(weights: Float, canvas: tuple[int, int], rng: np.random.Generator) -> tuple[float, float] | None:
    """(y, x) on the canvas of a pixel of its overview, drawn by weight; None when no pixel weighs anything."""
    cumulated = np.cumsum(weights.ravel(), dtype=np.float64)
    u, inside = rng.random(), rng.random(2)
    if not cumulated[-1] > 0:
        return None
    place = min(int(np.searchsorted(cumulated, u * cumulated[-1], "right")), cumulated.size - 1)
    y, x = divmod(place, weights.shape[1])
    return (y + inside[0]) * canvas[0] / weights.shape[0], (x + inside[1]) * canvas[1] / weights.shape[1]
