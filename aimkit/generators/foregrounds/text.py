"""Text and logos over the frame: tiled watermarks, rows of words, with outline or shadow, turned or level.

Glyphs are those of OpenCV's built-in fonts, drawn on a canvas of fixed size whatever the output's and reduced by area,
so that every size shows the same picture.
"""

from __future__ import annotations

import string
from typing import Annotated

import cv2
import numpy as np

from aimkit.bounds import Angles, Name, Share, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, layer, over
from aimkit.generators.noise import unit
from aimkit.generators.shading import lch
from aimkit.types import Float, Foreground, ImageType, UInt8

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
#: Shorter side of the canvas; outputs of half of it and less are exact to a thousandth.
_CANVAS = 3072


class Text(GeneratorBlock):
    """Text over the frame.

    Attributes:
        height: Height of a capital, relative to the short side of the frame.
        weight: Width of a stroke, in heights.
        leading: Distance between rows, in heights.
        angle: Turn of the rows, degrees; every second picture is level.
        opacity: Alpha of the glyphs, in [0, 1].
        logos: Probability that a tile is a badge (ring, star, polygon) in place of a word.
        outline: Probability of an outline or shadow in another colour.
    """

    generator: Name = "text"
    height: Annotated[Range, Within(0.01, 0.15)] = (0.03, 0.09)
    weight: Annotated[Range, Within(0.01, 0.35)] = (0.06, 0.2)
    leading: Annotated[Range, Within(1, 5)] = (1.5, 2.6)
    angle: Angles = (-45, 45)
    opacity: Shares = (0.25, 1.0)
    logos: Share = 0.12
    outline: Share = 0.35


@generators.register("text", type=ImageType.NS, category="text", params=Text)
def text(params: Text, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Rows of text and badges over the frame, as watermarks do."""
    height, weight = draw(rng, params.height), draw(rng, params.weight)
    leading, angle = draw(rng, params.leading), draw(rng, params.angle) * (rng.random() < 0.5)
    opacity = draw(rng, params.opacity)
    canvas = _page(params, size, height, weight, leading, angle, rng)
    glyphs = _reduced(canvas, size)
    hue = rng.random()
    color = lch(
        rng.choice([rng.uniform(0.05, 0.3), rng.uniform(0.85, 1), rng.uniform(0.3, 0.85)]), rng.uniform(0, 0.15), hue
    )
    drawn = layer(color, opacity * glyphs)
    if rng.random() < params.outline:
        reach = max(round(0.5 * weight * height * _CANVAS), 1)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        grown = _reduced(np.asarray(cv2.dilate(canvas, kernel), np.uint8), size)
        # Beside the glyphs only, so that a translucent glyph does not show its own outline through.
        beside = np.clip(grown - glyphs, 0, 1) * rng.uniform(0.4, 1) * opacity
        other = lch(rng.uniform(0, 1), rng.uniform(0, 0.12), hue + rng.uniform(-0.5, 0.5))
        drawn = drawn + layer(other, beside)
        drawn[..., 3] = np.minimum(drawn[..., 3], 1)
    return foreground(over(drawn, np.zeros_like(drawn)), ImageType.NS, "text")


def _reduced(canvas: UInt8, size: tuple[int, int]) -> Float:
    small = cv2.resize(canvas, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def _page(
    params: Text,
    size: tuple[int, int],
    height: float,
    weight: float,
    leading: float,
    angle: float,
    rng: np.random.Generator,
) -> UInt8:
    """Rows of words over the whole canvas, turned about its middle; uint8 0 or 255."""
    shape = (round(_CANVAS * size[0] / unit(size)), round(_CANVAS * size[1] / unit(size)))
    canvas = np.zeros(shape, np.uint8)
    pixels = height * _CANVAS
    stroke = max(round(weight * pixels), 2)
    font = int(rng.choice(_FONTS))
    scale = pixels / cv2.getTextSize("H", font, 1.0, 1)[0][1]
    repeated = _word(rng) if rng.random() < 0.4 else None
    turn = np.deg2rad(angle)
    along, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    middle, reach = np.array([shape[1], shape[0]]) / 2, 0.5 * float(np.hypot(*shape))
    # Whole rows fit the height, and the first and the last are cut by the frame, as in a pattern that goes on.
    spacing = shape[0] / round(shape[0] / (leading * pixels))
    outside = int(np.ceil((reach - shape[0] / 2) / spacing)) + 1
    for row in np.arange(-outside, round(shape[0] / spacing) + outside + 1) * spacing + pixels / 2 - shape[0] / 2:
        at = -reach - rng.uniform(0, 4) * pixels
        while at < reach:
            word = repeated or _word(rng)
            origin = middle + at * along + row * down
            if rng.random() < params.logos:
                _badge(canvas, origin + (along - down) * pixels / 2, 0.75 * pixels, stroke, turn, rng)
                at += 2 * pixels
            else:
                at += _write(canvas, word, origin, turn, font, scale, stroke)
            at += rng.uniform(0.5, 1.2) * pixels
    return canvas


def _write(canvas: UInt8, word: str, origin: Float, turn: float, font: int, scale: float, stroke: int) -> float:
    """Write a word at an angle and return how far it reaches."""
    (width, height), below = cv2.getTextSize(word, font, scale, stroke)
    corners = np.array([[0, -height], [width, -height], [width, below], [0, below]], np.float64)
    c, s = np.cos(turn), np.sin(turn)
    placed = corners @ np.array([[c, s], [-s, c]]) + origin
    if (placed.max(0) < 0).any() or (placed.min(0) > [canvas.shape[1], canvas.shape[0]]).any():
        return float(width)
    if turn == 0:
        cv2.putText(canvas, word, (round(origin[0]), round(origin[1])), font, scale, 255, stroke, cv2.LINE_AA)
        return float(width)
    pad = 2 * stroke
    tile = np.zeros((height + below + 2 * pad, width + 2 * pad), np.uint8)
    cv2.putText(tile, word, (pad, pad + height), font, scale, 255, stroke, cv2.LINE_AA)
    low, high = np.floor(placed.min(0)).astype(int) - pad, np.ceil(placed.max(0)).astype(int) + pad
    x0, y0 = np.maximum(low, 0)
    x1, y1 = np.minimum(high, [canvas.shape[1], canvas.shape[0]])
    if x1 <= x0 or y1 <= y0:
        return float(width)
    shift = origin - np.array([x0, y0]) - np.array([[c, -s], [s, c]]) @ np.array([pad, pad + height])
    matrix = np.array([[c, -s, shift[0]], [s, c, shift[1]]])
    turned = cv2.warpAffine(tile, matrix, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    np.maximum(canvas[y0:y1, x0:x1], turned, out=canvas[y0:y1, x0:x1])
    return float(width)


def _badge(canvas: UInt8, center: Float, radius: float, stroke: int, turn: float, rng: np.random.Generator) -> None:
    """A ring with a star or polygon in it."""
    points = int(rng.integers(3, 8))
    inner = rng.choice([0.45, 0.6, 1.0])
    angle = turn - np.pi / 2 + np.arange(2 * points) * np.pi / points
    reach = 0.62 * radius * np.where(np.arange(2 * points) % 2, inner, 1)
    star = np.stack([np.cos(angle) * reach, np.sin(angle) * reach], axis=-1) + center
    fixed = np.rint(star * 16).astype(np.int32)
    at = (round(center[0]), round(center[1]))
    if rng.random() < 0.8:
        cv2.circle(canvas, at, round(radius), 255, stroke, cv2.LINE_AA)
    cv2.polylines(canvas, [fixed.reshape(-1, 1, 2)], True, 255, stroke, cv2.LINE_AA, 4)


def _word(rng: np.random.Generator) -> str:
    """Letters or digits as they come in captions: words, capitals, numbers."""
    kind = rng.integers(5)
    length = int(rng.integers(2, 10))
    if kind == 0:
        return "".join(rng.choice(list(string.digits), length // 2 + 1)) + str(rng.choice(["", ".00", "%", ":30"]))
    syllables = [rng.choice(list("bcdfghklmnprstvw")) + rng.choice(list("aeiou")) for _ in range(length // 2 + 1)]
    word = "".join(syllables) + str(rng.choice(["", "", "n", "s", "t", "r"]))
    return [word, word.upper(), word.capitalize(), "(c) " + word][int(kind) - 1]
