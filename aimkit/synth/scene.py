"""The planes of a sample while it is being made."""

from __future__ import annotations

from typing import overload

import numpy as np

from aimkit.synth.view import View
from aimkit.types import Array, Float, ImageType, UInt8, to_float, to_uint8


class _Plane:
    """A plane that stays in 8 bit until its floats are asked for, since most never are."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, scene: None, owner: type) -> _Plane: ...
    @overload
    def __get__(self, scene: Scene, owner: type) -> Float: ...
    def __get__(self, scene: Scene | None, owner: type) -> Float | _Plane:
        if scene is None:
            return self
        plane = scene.planes[self._name]
        if plane.dtype == np.uint8:
            plane = scene.planes[self._name] = to_float(plane)
        return plane

    def __set__(self, scene: Scene, plane: Array) -> None:
        scene.planes[self._name] = plane


class Scene:
    """Foreground, matte, background and composite.

    Planes read as float32 in [0, 1]; set them as such or as uint8 levels. A step sets new planes and never writes into
    old ones, which may belong to a source.

    Attributes:
        foreground: Straight RGB, float32 in [0, 1], (H, W, 3).
        alpha: Matte, float32 in [0, 1], (H, W).
        background: RGB, float32 in [0, 1], (h, w, 3); (H, W, 3) once placed.
        image: The composite, float32 in [0, 1], (H, W, 3), once blended.
        type: Image type of the foreground.
        view: The part of the canvas that the planes show; None means the whole canvas.
        overview: The whole canvas before any step on its planes, reduced; None where the planes show the whole.
        darkness: Share of the background's light that the foregrounds take, float32 in [0, 1], (H, W), as their sources
            tell it, before any step; None where they don't.
        planes: The planes by name as they are stored, uint8 or float32.
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
        self.planes: dict[str, Array] = {"image": nothing}
        self.foreground, self.alpha = foreground, alpha
        self.background = nothing if background is None else background
        self.type, self.view = type, view
        self.overview: Scene | None = None
        self.darkness: Float | None = None

    def uint8(self, name: str) -> UInt8:
        """The plane of that name, rounded to 8 bit."""
        plane = self.planes[name]
        return plane if plane.dtype == np.uint8 else to_uint8(plane)

    @property
    def short_side(self) -> float:
        """Short side of the whole canvas, in pixels of the planes."""
        return min(self.planes["alpha"].shape) if self.view is None else self.view.short_side

    @property
    def whole(self) -> Scene:
        """The scene to take statistics of the whole canvas from."""
        return self.overview or self

    def cut(self, view: View) -> None:
        """Cut the planes to a smaller view."""
        assert self.view is not None
        self.planes = {name: view.cut(plane, self.view) for name, plane in self.planes.items()}
        self.view = view
