"""A picture or a pair as the checks see it: everything is decoded or computed at most once, when first asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from aimkit.datasets.matte_folder import MatteFacts, matte_facts
from aimkit.datasets.scan import read_place
from aimkit.errors import AimkitError
from aimkit.imageio import DecodedImage, decode, matte_levels, rgb_of
from aimkit.imageio.reduced import reduced
from aimkit.lint.header import LintHeader, read_header
from aimkit.lint.item import LintItem
from aimkit.lint.once import once
from aimkit.types import Array, Float, ImageType, UInt8, to_uint8

#: Longer side of the reduced pictures that shapes are compared in.
SMALL = 256

#: Predicts a matte, float32 in [0, 1], (h, w), of a photo, RGB, uint8, (h, w, 3).
Predict = Callable[[UInt8], Float]


@dataclass
class LintView:
    """A picture or a pair.

    Attributes:
        item: What it is.
        predict: The network, or None.
    """

    item: LintItem
    predict: Predict | None = None

    @once
    def blobs(self) -> tuple[bytes, ...]:
        """The bytes of its files."""
        return tuple(
            source() if callable(source) else read_place(source, where)
            for source, where in zip(self.item.sources, self.item.files, strict=True)
        )

    @once
    def digest(self) -> str:
        """SHA-256 of the colours' file, hex."""
        return hashlib.sha256(self.blobs[0]).hexdigest()

    @once
    def headers(self) -> tuple[LintHeader, ...]:
        """What the headers say, colours before matte."""
        return tuple(read_header(data) for data in self.blobs)

    @once
    def image(self) -> DecodedImage:
        """The picture that holds the colours."""
        return decode(self.blobs[0], self.item.files[0])

    @once
    def matte(self) -> DecodedImage | None:
        """The picture that holds the matte: the same for a cut-out; None where there is no matte."""
        if len(self.blobs) > 1:
            return decode(self.blobs[1], self.item.files[1])
        return self.image if self.image.alpha is not None and _hides(self.image.alpha) else None

    @once
    def facts(self) -> MatteFacts | None:
        """What its folder's decision on mattes needs; None where there is no matte."""
        if self.matte is None:
            return None
        return matte_facts(self.matte, self.item.files[-1], "auto" if len(self.blobs) > 1 else "alpha")

    @once
    def rgb(self) -> UInt8:
        """Straight colours, (H, W, 3)."""
        return rgb_of(self.image, self.item.files[0])

    @once
    def grey(self) -> UInt8:
        """Luminance, (H, W)."""
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @once
    def alpha(self) -> UInt8 | None:
        """The matte in 8 bits, (H, W), on the scale that it most likely has; None without one of the picture's size."""
        if self.matte is None or self.facts is None or self.facts.coloured or self.matte.size != self.image.size:
            return None
        channel = "auto" if len(self.blobs) > 1 else "alpha"
        levels = matte_levels(self.matte, self.item.files[-1], channel).levels  # type: ignore[arg-type]
        top = likely_top(self.facts)
        if levels.dtype == np.uint8:
            return levels if top == 255 else np.asarray(cv2.convertScaleAbs(levels, alpha=255 / top), np.uint8)
        return to_uint8((levels / np.float32(top)).astype(np.float32))

    @once
    def histogram(self) -> Array:
        """Pixels of the matte by level, (256,); zeros without one."""
        if self.alpha is None:
            return np.zeros(256)
        return np.asarray(cv2.calcHist([self.alpha], [0], None, [256], [0, 256])).ravel()

    @once
    def small(self) -> UInt8:
        """Luminance, reduced so that the longer side is ``SMALL``."""
        return reduced(self.grey, SMALL)

    @once
    def small_alpha(self) -> UInt8 | None:
        """The matte, reduced likewise."""
        return None if self.alpha is None else reduced(self.alpha, SMALL)

    @property
    def type(self) -> ImageType | None:
        """The type that it is said to have."""
        return self.item.type


def likely_top(facts: MatteFacts) -> float:
    """The level that most likely means opaque in a matte of which no folder is known."""
    found = facts.found
    if found.channel == "grey" and np.dtype(found.dtype).kind == "u" and found.maximum <= 1:
        return 1
    if facts.scale_alone is not None:
        return facts.scale_alone.top
    return max(found.maximum, 1e-6)


def load_error(view: LintView) -> str:
    """Why its files can't be read, or ""; decodes them."""
    try:
        _ = view.rgb, view.facts
    except AimkitError as error:
        return error.what + (f"; {error.hint}" if error.hint else "")
    except Exception as error:
        # Whatever goes wrong with one file must not end the work on all others.
        return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else 'no reason given'}"
    return ""


def _hides(alpha: Array) -> bool:
    return bool(alpha.min() < (1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max))
