"""The part of a canvas that is rendered: all of it, or the window of a crop, at full size or reduced."""

from __future__ import annotations

from dataclasses import dataclass

from aimkit.types import Array

#: JPEG cuts images into blocks of this side; padded views end at such blocks, so that a window is compressed as the
#: whole canvas is.
BLOCK = 16

#: Long side of an overview, pixels.
_OVERVIEW = 256


@dataclass(frozen=True)
class View:
    """A rectangle of a canvas, and the scale at which it is seen.

    Attributes:
        canvas: (height, width) of the whole canvas, in its own pixels.
        size: (height, width) of the view, in pixels of the view.
        offset: (top, left) of the view on the scaled canvas, in pixels of the view.
        scale: Pixels of the view per pixel of the canvas.
        approximate: Whether stored pictures may be read at a decoder's own reduced scale.
    """

    canvas: tuple[int, int]
    size: tuple[int, int]
    offset: tuple[float, float] = (0, 0)
    scale: float = 1.0
    approximate: bool = False

    @classmethod
    def whole(cls, canvas: tuple[int, int]) -> View:
        """The whole canvas at full size."""
        return cls(canvas, canvas)

    @classmethod
    def overview(cls, canvas: tuple[int, int]) -> View:
        """The whole canvas, reduced: steps take statistics of the whole from it, whatever part is rendered."""
        return cls.reduced(canvas, _OVERVIEW)

    @classmethod
    def reduced(cls, canvas: tuple[int, int], side: int, approximate: bool = False) -> View:
        """The whole canvas, reduced until its long side has that many pixels."""
        scale = min(1.0, side / max(canvas))
        height, width = (max(1, round(n * scale)) for n in canvas)
        return cls(canvas, (height, width), scale=scale, approximate=approximate)

    @property
    def short_side(self) -> float:
        """Short side of the whole canvas in pixels of the view; lengths of steps are relative to it."""
        return min(self.canvas) * self.scale

    def padded(self, margin: int) -> View:
        """The view with at least that many more pixels on every side, as far as the canvas goes."""
        if not margin:
            return self
        start, size = [], []
        for n, at, extent in zip(self.size, self.offset, self.canvas, strict=True):
            before = min(margin, int(at))
            after = min(margin, int(extent * self.scale - at - n + 1e-6))
            if self.scale == 1:
                before += min(int(at) - before, (int(at) - before) % BLOCK)
                after = min(after + -(int(at) + n + after) % BLOCK, extent - int(at) - n)
            start.append(at - before)
            size.append(n + before + max(0, after))
        return View(self.canvas, (size[0], size[1]), (start[0], start[1]), self.scale, self.approximate)

    def cut(self, plane: Array, padded: View) -> Array:
        """The part of a plane of the padded view that lies in this one."""
        top, left = (round(a - b) for a, b in zip(self.offset, padded.offset, strict=True))
        return plane[top : top + self.size[0], left : left + self.size[1]]
