"""The planes of a sample while it is being made."""

from __future__ import annotations

from typing import overload

import numpy as np

from aimkit.synth.view import View
from aimkit.types import Array, Float, ImageType, UInt8, to_float, to_uint8


class _Plane:
    """A plane that is kept in 8 bit until somebody asks for floats, since most are never asked for."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, scene: None, owner: type) -> _Plane: ...
    @overload
    def __get__(self, scene: Scene, owner: type) -> Float: ...
    def __get__(self, scene: Scene | None, owner: type) -> Float | _Plane:
        if scene is None:
            return self
        kept = scene.kept[self._name]
        if kept.dtype == np.uint8:
            kept = scene.kept[self._name] = to_float(kept)
        return kept

    def __set__(self, scene: Scene, plane: Array) -> None:
        scene.kept[self._name] = plane


class Scene:
    """Foreground, matte, background and composite.

    Planes read as float32 in [0, 1]; they can be set as such or as uint8 levels. A step sets new planes and never
    writes into old ones, which may belong to a source.

    Attributes:
        foreground: Straight RGB, (H, W, 3).
        alpha: (H, W).
        background: RGB, (h, w, 3); (H, W, 3) once placed.
        image: The composite, (H, W, 3), once blended.
        type: Image type of the foreground.
        view: What part of the canvas the planes show; the whole when None.
        overview: The whole canvas before any step, small; None where the planes are the whole.
        kept: The planes as they are kept.
    """

    foreground = _Plane()
    alpha = _Plane()
    background = _Plane()
    image = _Plane()

    def __init__(
        self,
        foreground: Array,
        alpha: Array,
        background: Array | None = None,
        type: ImageType = ImageType.SO,
        view: View | None = None,
    ) -> None:
        nothing = np.zeros((0, 0, 3), np.float32)
        self.kept: dict[str, Array] = {"image": nothing}
        self.foreground, self.alpha = foreground, alpha
        self.background = nothing if background is None else background
        self.type, self.view = type, view
        self.overview: Scene | None = None

    def levels(self, name: str) -> UInt8:
        """A plane by its name, rounded to 8 bit."""
        kept = self.kept[name]
        return kept if kept.dtype == np.uint8 else to_uint8(kept)

    @property
    def short(self) -> float:
        """Short side of the whole canvas, in pixels of the planes."""
        return min(self.kept["alpha"].shape) if self.view is None else self.view.short

    @property
    def whole(self) -> Scene:
        """Where statistics of the whole canvas are taken from."""
        return self.overview or self

    def cut(self, view: View) -> None:
        """Go on with a smaller view."""
        assert self.view is not None
        self.kept = {name: view.cut(plane, self.view) for name, plane in self.kept.items()}
        self.view = view
