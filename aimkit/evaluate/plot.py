"""Distributions of a metric per type, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aimkit.evaluate.tables import TITLES
from aimkit.html import escape

#: The types in order; their colours, distinct also for colour-blind readers, are in the stylesheet of pages.
_TYPES = ("SO", "STM", "NS")
_WIDTH, _ROW, _LEFT, _TOP = 460, 56, 96, 30


def distribution(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    """A dot for every image and a box (quartiles, median) for every type, on a logarithmic axis.

    Args:
        rows: Per-image rows with ``id``, ``type`` and the metric.
        metric: Key of the metric.

    Returns:
        An ``<svg>`` element; "" if no image has the metric.
    """
    used = [row for row in rows if row[metric] is not None]
    if not used:
        return ""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for name in (*_TYPES, ""):
        groups[name] = [row for row in used if row["type"] == name]
    groups = {name: members for name, members in groups.items() if members}
    low, high = _decades([row[metric] for row in used])
    height = _TOP + _ROW * len(groups) + 26
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{TITLES[metric][0]} per type">',
        f'<text class="title" x="0" y="16">{TITLES[metric][0]}</text>',
        *_axis(low, high, height),
    ]
    for number, (name, members) in enumerate(groups.items()):
        parts += _row(name, members, metric, _TOP + _ROW * number, low, high)
    return "\n".join([*parts, "</svg>"])


def scatter(rows: Sequence[Mapping[str, Any]], names: tuple[str, str], metric: str) -> str:
    """A dot for every image: its value in one result across, in another upwards, on logarithmic axes.

    Dots below the diagonal are better in the second result. Each holds its id as ``data-pick``.

    Args:
        rows: Rows of :func:`aimkit.evaluate.compare.per_image` of two results.
        names: Names of the results.
        metric: Key of the metric.

    Returns:
        An ``<svg>`` element.
    """
    low, high = _decades([value for row in rows for value in row["values"]])
    left, top, side = 76, 14, 330
    bottom, right = top + side, left + side

    def across(value: float) -> float:
        return left + (math.log10(max(value, 10.0**low)) - low) / (high - low) * side

    def down(value: float) -> float:
        return bottom - (across(value) - left)

    title = TITLES[metric][0]
    label = escape(f"{title} of each image: {names[0]} across, {names[1]} upwards")
    parts = [f'<svg viewBox="0 0 {right + 14} {bottom + 46}" role="img" aria-label="{label}">']
    for power in range(low, high + 1):
        x, y = across(10.0**power), down(10.0**power)
        text = ("≤ " if power == low else "") + f"{10.0**power:g}"
        parts.append(f'<path class="grid" d="M{x:.1f},{top}V{bottom}M{left},{y:.1f}H{right}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{text}</text>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    parts.append(f'<path class="diagonal" d="M{left},{bottom}L{right},{top}"/>')
    middle = (top + bottom) / 2
    turned = f'transform="rotate(-90 14 {middle})"'
    one, other = (escape(name if len(name) <= 40 else f"{name[:39]}…") for name in names)
    parts.append(f'<text class="name" x="{(left + right) / 2}" y="{bottom + 38}" text-anchor="middle">{one}</text>')
    parts.append(f'<text class="name" x="14" y="{middle}" {turned} text-anchor="middle">{other}</text>')
    for kind in (*_TYPES, ""):
        members = [row for row in rows if (row["type"] if row["type"] in _TYPES else "") == kind]
        parts.append(f'<g class="{kind or "none"}">')
        for row in members:
            x, y = row["values"]
            hover = escape(f"{row['id']}: {x:.4g}, {y:.4g}")
            place = f'cx="{across(x):.1f}" cy="{down(y):.1f}" data-pick="{escape(row["id"])}"'
            parts.append(f'<circle {place} r="4" class="dot mark"><title>{hover}</title></circle>')
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"])


def _row(name: str, rows: Sequence[Mapping[str, Any]], metric: str, top: float, low: int, high: int) -> list[str]:
    middle = top + _ROW / 2
    parts = [
        f'<g class="{name if name in _TYPES else "none"}">',
        f'<text class="name" x="0" y="{middle - 2:.1f}">{escape(name or "no type")}</text>',
        f'<text class="faint" x="0" y="{middle + 13:.1f}">{len(rows)} images</text>',
    ]
    for number, row in enumerate(rows):
        # Spread evenly over the row's height by the golden ratio, so that dots do not hide each other.
        offset = ((number * 0.618034) % 1 - 0.5) * (_ROW - 22)
        x = _x(row[metric], low, high)
        hover = escape(f"{row['id']}: {row[metric]:.4g}")
        parts.append(
            f'<circle cx="{x:.1f}" cy="{middle + offset:.1f}" r="2.5" class="dot mark"><title>{hover}</title></circle>'
        )
    first, median, third = (_x(float(q), low, high) for q in np.quantile([r[metric] for r in rows], [0.25, 0.5, 0.75]))
    box = f'x="{first:.1f}" y="{middle - 13:.1f}" width="{max(1.0, third - first):.1f}" height="26"'
    parts.append(f'<rect class="line box" {box}/>')
    parts.append(
        f'<line x1="{median:.1f}" x2="{median:.1f}" y1="{middle - 13:.1f}" y2="{middle + 13:.1f}" '
        'class="line" stroke-width="3"/></g>'
    )
    return parts


def _axis(low: int, high: int, height: int) -> list[str]:
    parts = []
    for power in range(low, high + 1):
        x = _x(10.0**power, low, high)
        label = ("≤ " if power == low else "") + f"{10.0**power:g}"
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - 22}"/>')
        parts.append(f'<text class="faint" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{label}</text>')
    return parts


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Powers of ten around the values; the lowest stands for all smaller values, 0 included."""
    positive = [value for value in values if value > 0] or [1.0]
    high = math.ceil(math.log10(max(positive)))
    low = math.floor(math.log10(float(np.quantile(positive, 0.05)))) - 1
    return max(low, high - 6), max(high, low + 1)


def _x(value: float, low: int, high: int) -> float:
    power = math.log10(max(value, 10.0**low))
    return _LEFT + (power - low) / (high - low) * (_WIDTH - _LEFT - 24)
