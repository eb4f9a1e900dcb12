"""Placed on a canvas: foregrounds stand, hang or float where they may, the background covers it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from aimkit.bounds import Angles, Resampling, Share, Shears, Within
from aimkit.recipe import Range
from aimkit.synth import geometry
from aimkit.synth.placement import Placement, PlacementMode, placements
from aimkit.synth.pyramid import ImagePyramid
from aimkit.types import Array, ImageType

Side = Literal["left", "top", "right", "bottom"]
_SIDES: tuple[Side, ...] = ("left", "right", "bottom")
_CUT_SHARE = (0.1, 0.4)

#: Least scale of what its photo's border cuts off, when ``area`` decides: smaller, it would be a scrap in a corner.
_CUT_OFF = 0.5


@placements.register("canvas")
class Canvas(PlacementMode):
    """The foreground is placed on a canvas, the background is cropped to cover it.

    A foreground that its photo's border cuts off stays at that border: half a person never floats in the air.
    Non-salient foregrounds cover the whole canvas.

    Attributes:
        scale: Size of the foreground's bounding box, relative to the largest that fits into the canvas.
        area: Share of the canvas that the bounding box covers, drawn log-uniformly from [low, high], in place of
            ``scale``; a box that would not fit is as large as fits, and a foreground that its photo's border cuts off
            is at least half as large as fits. None keeps ``scale``.
        spread: How far from the middle the foreground may lie, as a share of the room for it: 0 centres it, 1 (None)
            lets it lie anywhere.
        cut: Chance that the foreground is cut by a border of the canvas; not where its photo's border cuts it off.
        cut_sides: The borders that may cut it, one is drawn; left, right and bottom when left out.
        cut_share: How much of its width or height lies behind that border then, drawn from [low, high]; 0.1 to 0.4 when
            left out.
        max_enlargement: Largest factor from the foreground's own pixels to the canvas's, so that small cut-outs show no
            staircases; those that cover the canvas or reach from border to border go beyond it. None sets no limit.
        foot: Row of a foreground's lower end, as a share of the canvas's height, drawn from [low, high]; not for those
            that touch the lower border, and not for foregrounds that float by nature, such as smoke and bubbles. An STM
            foreground that touches the upper border hangs; an SO one is enlarged until it reaches that row, if the
            canvas is wide enough. None lets foregrounds float.
        together: Whether further foregrounds, which lie behind the first, have about its size and stand on about its
            line, if both stand: 0.7 to 1 times its scale, and up to 5 % of the canvas's height above its foot.
        rotation: Rotation in degrees, counter-clockwise; not for foregrounds that touch a border.
        shear: Horizontal shear in degrees; not for foregrounds that touch a border.
        flip: Probability of mirroring left and right.
        overhang: How far the bounding box may reach over the border, as a share of its size.
        cover: Enlargement of a non-salient foreground beyond what covers the canvas.
        background_zoom: Enlargement of the background beyond what covers the canvas.
        background_flip: Probability of mirroring the background.
        kernels: Resampling kernels, one is drawn for every use; "auto" is the cleanest.
    """

    mode: Literal["canvas"] = "canvas"
    scale: Annotated[Range, Within(0.01, 10)] = (0.5, 1.0)
    area: Annotated[Range, Within(1e-4, 1)] | None = None
    spread: Share | None = None
    cut: Share | None = None
    cut_sides: Annotated[tuple[Side, ...], Field(min_length=1, max_length=16)] | None = None
    cut_share: Annotated[Range, Within(0, 0.95)] | None = None
    max_enlargement: float | None = Field(None, ge=0.1, le=1000)
    foot: Annotated[Range, Within(-10, 10)] | None = None
    together: bool = False
    rotation: Angles = (0.0, 0.0)
    shear: Shears = (0.0, 0.0)
    flip: Share = 0.5
    overhang: Annotated[float, Field(ge=0, lt=1)] = 0.0
    cover: Annotated[Range, Within(1, 10)] = (1.0, 1.5)
    background_zoom: Annotated[Range, Within(1, 10)] = (1.0, 1.5)
    background_flip: Share = 0.5
    kernels: Resampling = ("auto",)

    def place_foreground(
        self,
        pixels: ImagePyramid,
        image_type: ImageType,
        size: tuple[int, int],
        rng: np.random.Generator,
        front: Placement | None = None,
        floats: bool = False,
    ) -> Placement:
        """Draw size, turn and position; non-salient foregrounds cover the canvas."""
        # Every draw is made, whether used or not: the draws of a sample must not depend on its foreground's borders.
        drawn: dict[str, Any] = {
            "scale": float(rng.uniform(*self.scale)),
            "rotation": float(rng.uniform(*self.rotation)),
            "shear": float(rng.uniform(*self.shear)),
            "flip": bool(rng.random() < self.flip),
            "cover": float(rng.uniform(*self.cover)),
            "position": [float(rng.random()), float(rng.random())],
            "kernel": str(self.kernels[int(rng.integers(len(self.kernels)))]),
        }
        self._draw_more(drawn, rng)
        box, touched = pixels.outline
        if box is None:
            return Placement(None, "auto", {"empty": True})
        if image_type is ImageType.NS:
            matrix, used = _cover(drawn, pixels.size, size), ["cover", "flip", "position", "kernel"]
            scale, foot, stands = 0.0, 0.0, False
        else:
            if any(touched):
                drawn["rotation"] = drawn["shear"] = 0.0
            used = ["scale", "rotation", "shear", "flip", "position", "kernel"]
            hangs = image_type is ImageType.STM and touched[1] and not touched[3]
            stands = not floats and not hangs
            if stands and self._stand(drawn, front, rng):
                used.append("foot")
            used += [name for name in ("area", "cut", "cut_share") if name in drawn]
            matrix, scale, foot = _put(drawn, box, touched, size, self.overhang, self.max_enlargement)
        return Placement(matrix, drawn["kernel"], {name: _short(drawn[name]) for name in used}, scale, foot, stands)

    def _draw_more(self, drawn: dict[str, Any], rng: np.random.Generator) -> None:
        """Draw what only recipes with these keys draw; the others go on to give the same samples."""
        if self.area is not None:
            drawn["area"] = float(np.exp(rng.uniform(*np.log(self.area))))
        if self.spread is not None:
            drawn["position"] = [0.5 + self.spread * (at - 0.5) for at in drawn["position"]]
        if self.cut is not None:
            happens, sides = bool(rng.random() < self.cut), self.cut_sides or _SIDES
            side, share = str(sides[int(rng.integers(len(sides)))]), float(rng.uniform(*(self.cut_share or _CUT_SHARE)))
            if happens:
                drawn["cut"], drawn["cut_share"] = side, share

    def _stand(self, drawn: dict[str, Any], front: Placement | None, rng: np.random.Generator) -> bool:
        """Draw the row that a foreground stands on, and the size that it has behind the first; whether there is one."""
        if self.together and front is not None and front.stands:
            depth = float(rng.random())
            drawn["scale"] = front.scale * (1 - 0.3 * depth)
            drawn.pop("area", None)
            drawn["foot"] = front.foot - 0.05 * depth
        elif self.foot is not None:
            drawn["foot"] = float(rng.uniform(*self.foot))
        return "foot" in drawn

    def place_background(self, extent: tuple[int, int], size: tuple[int, int], rng: np.random.Generator) -> Placement:
        """Draw the part of the background that the canvas shows, in its own proportions."""
        (height, width), (h, w) = size, extent
        zoom, flip = float(rng.uniform(*self.background_zoom)), bool(rng.random() < self.background_flip)
        at = rng.random(2)
        kernel = str(self.kernels[int(rng.integers(len(self.kernels)))])
        scale = max(height / h, width / w) * zoom
        # The part of the background that the canvas shows, at least one pixel and within the image.
        part_h, part_w = (min(n, max(1, round(m / scale))) for n, m in ((h, height), (w, width)))
        top, left = round(at[1] * (h - part_h)), round(at[0] * (w - part_w))
        matrix = np.array([[width / part_w, 0, -left * width / part_w], [0, height / part_h, -top * height / part_h]])
        if flip:
            matrix[0] = -matrix[0]
            matrix[0, 2] += width
        record = {"zoom": _short(zoom), "flip": flip, "crop": [left, top, part_w, part_h], "kernel": kernel}
        return Placement(matrix, kernel, record)


def _cover(drawn: dict[str, Any], shape: tuple[int, ...], size: tuple[int, int]) -> Any:
    (height, width), (h, w) = size, shape
    # One pixel more on each side keeps the border of the source out of sight.
    scale = max((height + 2) / h, (width + 2) / w) * drawn["cover"]
    u, v = drawn["position"]
    x = width / 2 + (u - 0.5) * (w * scale - width - 2)
    y = height / 2 + (v - 0.5) * (h * scale - height - 2)
    return geometry.affine((w / 2, h / 2), scale=scale, flip=drawn["flip"], to=(x, y))


def _put(
    drawn: dict[str, Any],
    box: tuple[int, int, int, int],
    touched: tuple[bool, bool, bool, bool],
    size: tuple[int, int],
    overhang: float,
    max_enlargement: float | None,
) -> tuple[Array, float, float]:
    """Map of a foreground that has an outline, its scale relative to the largest that fits, and its foot's row."""
    (height, width), (left, top, right, bottom) = size, box
    center = ((left + right) / 2, (top + bottom) / 2)
    turn = {"degrees": drawn["rotation"], "shear": drawn["shear"], "flip": drawn["flip"]}
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    unit = corners @ geometry.affine(center, **turn)[:, :2].T
    spread_x, spread_y = np.ptp(unit, axis=0)
    touches_left, touches_top, touches_right, touches_bottom = touched
    fitting = min(width / spread_x, height / spread_y)
    if "area" in drawn:
        wanted = float(np.sqrt(drawn["area"] * width * height / (spread_x * spread_y))) / fitting
        drawn["scale"] = float(np.clip(wanted, _CUT_OFF if any(touched) else 0, 1))
    scale = drawn["scale"] * fitting
    if touches_top and not touches_bottom and "foot" in drawn:
        # What hangs in from above reaches down to where it stands, as far as the canvas is wide enough.
        scale = max(scale, min(drawn["foot"] * height / spread_y, width / spread_x))
    if max_enlargement is not None and scale > max_enlargement:
        scale, drawn["scale"] = max_enlargement, max_enlargement / fitting
    if drawn["flip"]:
        touches_left, touches_right = touches_right, touches_left
    # Cut off on both sides, it has to reach from border to border.
    if touches_left and touches_right:
        scale = max(scale, (width + 2) / spread_x)
    if touches_top and touches_bottom:
        scale = max(scale, (height + 2) / spread_y)
    u, v = drawn["position"]
    x = _slide(u, spread_x * scale, width, touches_left, touches_right, overhang)
    tall = spread_y * scale
    if "foot" in drawn and not (touches_top or touches_bottom):
        # As elsewhere, no more than the overhang leaves the canvas, above or below.
        foot = np.clip(drawn["foot"] * height, (1 - overhang) * tall, max(height, tall) + overhang * tall)
        y = float(foot) - tall / 2
    else:
        y = _slide(v, tall, height, touches_top, touches_bottom, overhang)
    wide, side, share = spread_x * scale, drawn.get("cut"), drawn.get("cut_share", 0.0)
    if side in ("left", "right") and not (touches_left or touches_right):
        x = (0.5 - share) * wide if side == "left" else width + (share - 0.5) * wide
    if side in ("top", "bottom") and not (touches_top or touches_bottom):
        y = (0.5 - share) * tall if side == "top" else height + (share - 0.5) * tall
    drawn["foot"] = (y + tall / 2) / height
    return geometry.affine(center, scale=scale, **turn, to=(x, y)), scale / fitting, drawn["foot"]


def _slide(u: float, extent: float, room: int, low: bool, high: bool, overhang: float) -> float:
    """Centre of an interval of that extent in [0, room]; a touched end lies one pixel over the border."""
    if low and not high:
        return extent / 2 - 1
    if high and not low:
        return room - extent / 2 + 1
    reach = abs(room - extent) / 2
    if not low:
        reach += overhang * extent
    return room / 2 + (2 * u - 1) * reach


def _short(value: Any) -> Any:
    """Rounded for provenance."""
    if isinstance(value, float):
        return round(value, 4)
    return [round(v, 4) for v in value] if isinstance(value, list) else value
