"""Objects in the background that are not the subject: which ones, where they are, and how they are drawn into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from aimkit.rng import rng
from aimkit.synth import geometry
from aimkit.synth.layer import Layer
from aimkit.synth.lens import Lens, log_uniform, out_of_focus
from aimkit.synth.placement import Placement
from aimkit.synth.provenance import Provenance
from aimkit.synth.pyramid import Box, Contact
from aimkit.synth.recipe import Distractors, SynthRecipe
from aimkit.synth.source_sampler import SourceSampler
from aimkit.synth.view import View
from aimkit.types import Array, Float, ImageType, to_float

#: Scale, relative to the largest that fits, of a subject that has none since it is everywhere.
_EVERYWHERE = 0.7
#: Smallest longer side of a distractor, as a share of the canvas's.
_SMALLEST = 0.06
#: Largest area of a distractor's bounding box, relative to what shows of the subject's, by the subject's type: beside
#: what is seen through, an opaque thing would soon be the subject.
_LARGEST = {ImageType.SO: 0.6, ImageType.STM: 0.3}
#: Places that are tried for a distractor; taken is the one that the subject hides least, and that is less central.
_TRIES = 4
#: Rec. 601 luma.
_LUMA = (np.float32(0.299), np.float32(0.587), np.float32(0.114))

#: (left, top, right, bottom) on the canvas, in pixels.
_Rectangle = tuple[float, float, float, float]


def place_distractors(
    recipe: SynthRecipe,
    sources: SourceSampler,
    index: int,
    size: tuple[int, int],
    subject: Layer,
    lens: Lens,
    provenance: Provenance,
) -> tuple[Layer, ...]:
    """Choose the distractors of a sample and their places; the nearest is the last.

    Args:
        recipe: The recipe.
        sources: Its sources.
        index: Index of the sample.
        size: (height, width) of the canvas.
        subject: The first foreground as placed.
        lens: Depth of field.
        provenance: Gets the sources and places.

    Raises:
        AimkitError: Too many in a row can't be read.
    """
    how = recipe.distractors
    draw = rng(recipe.seed, "sample", index, "distractors")
    if how is None or draw.random() >= how.p or not subject.visible:
        return ()
    # The horizon of the scene: what stands farther away stands nearer to it.
    horizon = float(draw.uniform(0.3, 0.5))
    found = []
    for number in range(int(draw.integers(how.count[0], how.count[1] + 1))):
        layer = sources.distractor(index, number, size, provenance)
        if layer is None:
            continue
        stream = rng(recipe.seed, "sample", index, "distractor place", number)
        distance = log_uniform(stream, how.distance)
        placement = _place(layer, how, distance, size, subject, horizon, stream)
        light, saturation = (round(float(stream.uniform(*span)), 4) for span in (how.light, how.saturation))
        blur = lens.blur(distance)
        record = {"distance": distance, "light": light, "saturation": saturation, "blur": blur}
        rounded = {name: round(value, 4) for name, value in record.items()}
        provenance.add("distractor", rounded | placement.record, number=number)
        layer = replace(layer, placement=placement, blur=blur, light=light, saturation=saturation, refraction=None)
        found.append((distance, layer))
    return tuple(layer for _, layer in sorted(found, key=lambda one: -one[0]))


def draw_distractors(layers: Iterable[Layer], background: Array, view: View) -> Array:
    """A background with its distractors.

    Args:
        layers: The distractors, the nearest last.
        background: What the view shows of the background, uint8 or float32, (h, w, 3).
        view: The view.

    Returns:
        The background itself when the view shows none, else a new one, float32.
    """
    result: Float | None = None
    for layer in layers:
        if not layer.visible:
            continue
        pixels, matrix, kernel = out_of_focus(layer, view.canvas, view.approximate)
        part = _part(matrix, pixels.size, view)
        if part is None:
            continue
        color, alpha = geometry.render(pixels, matrix, part, kernel)
        assert alpha is not None
        result = np.array(to_float(background)) if result is None else result
        top, left = (round(a - b) for a, b in zip(part.offset, view.offset, strict=True))
        window = result[top : top + part.size[0], left : left + part.size[1]]
        window += to_float(alpha)[..., None] * (_dulled(to_float(color), layer.light, layer.saturation) - window)
    return background if result is None else result


def _place(
    layer: Layer,
    how: Distractors,
    distance: float,
    size: tuple[int, int],
    subject: Layer,
    horizon: float,
    draw: np.random.Generator,
) -> Placement:
    """Where a distractor lies. Every draw is made, whether used or not."""
    relative = log_uniform(draw, how.size)
    cut, behind, flip = (bool(draw.random() < chance) for chance in (how.cut, how.behind, 0.5))
    right, beyond = bool(draw.random() < 0.5), float(draw.uniform(0.2, 0.6))
    stands, sway = bool(draw.random() < 0.7), float(draw.uniform(-0.04, 0.04))
    spots = draw.random((_TRIES, 2))
    box, touched = layer.pixels.outline
    if box is None or (touched[0] and touched[2]) or (touched[1] and touched[3]):
        # What reaches from border to border of its photo would have to cover the canvas.
        return Placement(None, "auto", {"left_out": "empty" if box is None else "cut off on two opposite sides"})
    assert subject.placement is not None
    (height, width), scene = size, subject.placement
    fitting = min(width / (box[2] - box[0]), height / (box[3] - box[1]))
    scale = max((scene.scale or _EVERYWHERE) * relative / distance, _SMALLEST) * fitting
    hidden = _rectangle(subject, size)
    covered = (hidden[2] - hidden[0]) * (hidden[3] - hidden[1])
    if scene.scale:
        # Thin or half out of sight, the subject is smaller than it is long.
        largest = np.sqrt(_LARGEST[subject.type] * covered / ((box[2] - box[0]) * (box[3] - box[1])))
        scale = max(min(scale, float(largest)), _SMALLEST * fitting)
    w, h = scale * (box[2] - box[0]), scale * (box[3] - box[1])
    foot = horizon + ((scene.foot or 0.9) - horizon) / distance + sway
    places = []
    for u, v in spots:
        if behind and not cut:
            # Its middle lies near an upright edge of the subject.
            x = (hidden[2] if right else hidden[0]) + (u - 0.5) * 0.8 * w
        elif cut:
            x = width + (beyond - 0.5) * w if right else (0.5 - beyond) * w
        else:
            x = w / 2 + u * (width - w)
        y = foot * height - h / 2 if stands and not layer.floats else h / 2 + v * (height - h)
        places.append(_at_its_border((x, y), (w, h), touched, flip, size))
    middle = ((hidden[0] + hidden[2]) / 2, (hidden[1] + hidden[3]) / 2)

    def cost(place: tuple[float, float]) -> float:
        nearer = _off_centre(middle, size) - _off_centre(place, size)
        return _overlap(place, (w, h), hidden) / (w * h) + max(0.0, nearer)

    x, y = places[0] if behind or cut else min(places, key=cost)
    center = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    record: dict[str, Any] = {"box": [round(n) for n in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)], "flip": flip}
    return Placement(geometry.affine(center, scale=scale, flip=flip, to=(x, y)), "auto", record)


def _at_its_border(
    place: tuple[float, float], extent: tuple[float, float], touched: Contact, flip: bool, size: tuple[int, int]
) -> tuple[float, float]:
    """The place moved to where the border of its photo, which cuts it off, lies on that of the canvas."""
    (x, y), (w, h), (height, width) = place, extent, size
    left, top, right, bottom = touched
    if flip:
        left, right = right, left
    if left or right:
        x = w / 2 - 1 if left else width - w / 2 + 1
    if top or bottom:
        y = h / 2 - 1 if top else height - h / 2 + 1
    return x, y


def _rectangle(subject: Layer, size: tuple[int, int]) -> _Rectangle:
    """The rectangle on the canvas that the subject covers."""
    box: Box | None = subject.pixels.outline[0]
    if box is None:
        return (0, 0, size[1], size[0])
    corners = np.array([(box[i], box[j]) for i in (0, 2) for j in (1, 3)], float)
    moved = corners @ subject.matrix[:, :2].T + subject.matrix[:, 2]
    (left, top), (right, bottom) = np.clip(moved, 0, (size[1], size[0])).min(axis=0), moved.max(axis=0)
    return float(left), float(top), min(float(right), size[1]), min(float(bottom), size[0])


def _off_centre(place: tuple[float, float], size: tuple[int, int]) -> float:
    """Distance from the middle of the canvas, as a share of half its diagonal."""
    height, width = size
    return float(np.hypot(place[0] - width / 2, place[1] - height / 2) / np.hypot(width / 2, height / 2))


def _overlap(place: tuple[float, float], extent: tuple[float, float], other: _Rectangle) -> float:
    """Area that a rectangle with that centre and extent shares with another, in pixels."""
    (x, y), (w, h) = place, extent
    shared = min(x + w / 2, other[2]) - max(x - w / 2, other[0]), min(y + h / 2, other[3]) - max(y - h / 2, other[1])
    return max(0.0, shared[0]) * max(0.0, shared[1])


def _part(matrix: Array, extent: tuple[int, int], view: View) -> View | None:
    """The part of a view in which a picture lies, on whole pixels of the view; None if there is none."""
    height, width = extent
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) @ matrix[:, :2].T + matrix[:, 2]
    start = np.array([view.offset[1], view.offset[0]])
    low = np.floor(corners.min(axis=0) * view.scale - start).astype(int) - 1
    high = np.ceil(corners.max(axis=0) * view.scale - start).astype(int) + 1
    size = np.array([view.size[1], view.size[0]])
    low, high = np.clip(low, 0, size), np.clip(high, 0, size)
    if (high <= low).any():
        return None
    rows, columns = int(high[1] - low[1]), int(high[0] - low[0])
    offset = (view.offset[0] + int(low[1]), view.offset[1] + int(low[0]))
    return View(view.canvas, (rows, columns), offset, view.scale, view.approximate)


def _dulled(color: Float, light: float, saturation: float) -> Float:
    """Colours with less light and less colour. Channel by channel, so that a window's bits are those of the whole."""
    red, green, blue = (color[..., c] * weight for c, weight in enumerate(_LUMA))
    grey = (red + green + blue)[..., None]
    return np.asarray(np.float32(light) * (grey + np.float32(saturation) * (color - grey)), np.float32)
