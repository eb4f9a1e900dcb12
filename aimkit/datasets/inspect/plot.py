"""Plotting the statistics of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from aimkit.datasets.inspect import stats
from aimkit.datasets.inspect.canvas import FAINT, INK, PAPER, SERIES, font
from aimkit.types import UInt8

_WIDTH, _HEIGHT, _GAP = 560, 300, 30
#: Bins of the alpha histogram between 0 and 1, which have their own bins.
_ALPHA_BINS = 16


def plot(types: Mapping[str, Any]) -> UInt8:
    """Draw four panels: alpha, foreground area, transition width, and the balance of types and categories.

    Args:
        types: Statistics by image type, ``stats.total(sidecars)["types"]``.

    Returns:
        RGB, uint8.
    """
    names = [name for name in SERIES if name in types]
    page = Image.new("RGB", (2 * _WIDTH + 3 * _GAP, 2 * _HEIGHT + 3 * _GAP), PAPER)
    draw = ImageDraw.Draw(page)
    left, right, top, bottom = _GAP, _WIDTH + 2 * _GAP, _GAP, _HEIGHT + 2 * _GAP

    alpha = {name: _share(_alpha_bins(types[name]["alpha"])) for name in names}
    inner = [f"{bin_ / _ALPHA_BINS:g}" if bin_ and bin_ % 4 == 0 else "" for bin_ in range(_ALPHA_BINS)]
    title = "alpha (share of pixels, logarithmic from 0.0001 to 1)"
    _histogram(draw, (left, top), title, alpha, ["0", *inner, "1"], logarithmic=True)

    area = {name: _share(types[name]["area"]) for name in names}
    marks = [f"{100 * bin_ // stats.AREA_BINS}%" if bin_ % 4 == 0 else "" for bin_ in range(stats.AREA_BINS)]
    _histogram(draw, (right, top), "foreground area (share of samples)", area, marks)

    width = {name: _share(types[name]["width"]) for name in names}
    edges = ["0", *[f"to {edge}" for edge in stats.WIDTH_EDGES[1:]], "more"]
    _histogram(draw, (left, bottom), "transition width in pixels (share of samples)", width, edges)

    _balance(draw, (right, bottom), types, names)
    return np.asarray(page)


def _histogram(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    title: str,
    series: Mapping[str, Sequence[float]],
    marks: Sequence[str],
    *,
    logarithmic: bool = False,
) -> None:
    """Draw bars side by side, one group per bin and one bar per type; heights are shares in [0, 1]."""
    x, y = corner
    draw.text((x, y), title, INK, font(14))
    base, room = y + _HEIGHT - 22, _HEIGHT - 56
    peak = max((value for values in series.values() for value in values), default=0) or 1
    step = _WIDTH / len(marks)
    for bin_, mark in enumerate(marks):
        for place, (name, values) in enumerate(series.items()):
            # Four decades, so that the small transition area is visible beside the solid parts.
            part = values[bin_] / peak if not logarithmic else max(0.0, 1 + np.log10(max(values[bin_], 1e-9)) / 4)
            bar = max(1.0, (step - 3) / len(series))
            start = x + bin_ * step + place * bar
            if part > 0:
                draw.rectangle((start, base - max(1, part * room), start + bar - 1, base), SERIES[name])
        draw.text((x + bin_ * step, base + 4), mark, FAINT, font(11))
    draw.line((x, base, x + _WIDTH, base), INK)
    draw.text((x + _WIDTH, base - room), "1" if logarithmic else f"{peak:.0%}", FAINT, font(11), anchor="ra")
    for place, name in enumerate(reversed(list(series))):
        draw.text((x + _WIDTH - 36 * place, y), name, SERIES[name], font(13), anchor="ra")


def _balance(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], types: Mapping[str, Any], names: Sequence[str]
) -> None:
    """Draw one bar per type, then one per category, stacked by type; at most twelve lines."""
    x, y = corner
    draw.text((x, y), "samples", INK, font(14))
    lines = [(name, {name: types[name]["samples"]}) for name in names]
    for category in list(stats.counts(types, "categories"))[: 12 - len(lines)]:
        parts = {name: types[name]["categories"].get(category, 0) for name in names}
        lines.append((category or "(no category)", parts))
    most = max(sum(parts.values()) for _, parts in lines)
    height = min(24.0, (_HEIGHT - 30) / len(lines))
    for number, (label, parts) in enumerate(lines):
        top, start = y + 28 + number * height, x + 130.0
        draw.text((x, top), label[:20], INK if number < len(names) else FAINT, font(12))
        for name, value in parts.items():
            length = value / most * (_WIDTH - 190)
            if value:
                draw.rectangle((start, top + 2, start + max(1, length), top + height - 5), SERIES[name])
            start += length
        draw.text((start + 6, top), str(sum(parts.values())), FAINT, font(12))


def _alpha_bins(levels: Sequence[int]) -> list[int]:
    counts = np.asarray(levels)
    inner = [int(part.sum()) for part in np.array_split(counts[1:255], _ALPHA_BINS)]
    return [int(counts[0]), *inner, int(counts[255])]


def _share(values: Sequence[int]) -> list[float]:
    everything = sum(values) or 1
    return [value / everything for value in values]
