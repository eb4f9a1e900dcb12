"""The picture and the files of a learning curve."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from aimkit import html, markdown
from aimkit.files import write_bytes
from aimkit.train.learning_curve import CurvePlan, CurvePoint, as_json, table

_WIDTH, _HEIGHT = 560, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 20, 48
_LINE, _REFERENCE = "#0072b2", "#d55e00"


def write_curve(plan: CurvePlan, found: Sequence[CurvePoint], folder: Path, title: str) -> Path:
    """Write ``learning-curve.json``, ``.md``, ``.svg`` and ``.html``; returns the page."""
    picture, (columns, rows) = draw(found), table(found)
    recipe = plan.variants[0].recipe
    note = (
        f"{recipe.steps} steps per run. MAD is the mean over {recipe.validation.count} composites of "
        f"{len(plan.held_out)} held-out foregrounds, after the last step; +- is the sample deviation over seeds."
    )
    text = f"# {markdown.escape(title)}\n\n{note}\n\n{markdown.table(columns, rows)}\n"
    write_bytes(folder / "learning-curve.json", (json.dumps(as_json(plan, found), indent=1) + "\n").encode())
    write_bytes(folder / "learning-curve.md", text.encode())
    write_bytes(folder / "learning-curve.svg", picture.encode())
    body = f"<h1>{html.escape(title)}</h1><p>{html.escape(note)}</p>"
    # The document's fixed size is for files: on the page, it is as wide as there is room.
    body += f"<figure class=alone>{picture}</figure>{html.table(columns, rows, 'runs')}"
    page = folder / "learning-curve.html"
    write_bytes(page, html.page(title, body).encode())
    return page


def draw(found: Sequence[CurvePoint]) -> str:
    """The curve as an SVG document: MAD over the number of images on a logarithmic axis.

    A dot for every run, a bar of one standard deviation to both sides, and a dashed line for the weights before
    training. "" without points.
    """
    trained = [point for point in found if point.images]
    if not trained:
        return ""
    start = next((point.mean for point in found if not point.images), None)
    ends = [value for p in trained for value in (*p.values, p.mean - (p.deviation or 0), p.mean + (p.deviation or 0))]
    high = max([*ends, start or 0]) * 1.08 or 1.0
    most, least = math.log(trained[-1].images), math.log(trained[0].images)

    def across(images: int) -> float:
        share = (math.log(images) - least) / (most - least) if most > least else 0.5
        return _LEFT + 24 + share * (_WIDTH - _LEFT - _RIGHT - 48)

    def down(value: float) -> float:
        return _HEIGHT - _BOTTOM - max(0.0, value) / high * (_HEIGHT - _TOP - _BOTTOM)

    parts = [*_axes(high, [(across(p.images), p.images) for p in trained], down)]
    if start is not None:
        y = down(start)
        parts.append(f"<path d='M{_LEFT},{y:.1f}H{_WIDTH - _RIGHT}' stroke='{_REFERENCE}' stroke-dasharray='6 4'/>")
        parts.append(
            f"<text x='{_WIDTH - _RIGHT}' y='{y - 5:.1f}' text-anchor='end' fill='{_REFERENCE}'>zero-shot</text>"
        )
    line = " ".join(f"{across(p.images):.1f},{down(p.mean):.1f}" for p in trained)
    parts.append(f"<polyline fill='none' stroke='{_LINE}' stroke-width='2' points='{line}'/>")
    for point in trained:
        x = across(point.images)
        if point.deviation:
            low, top = down(point.mean - point.deviation), down(point.mean + point.deviation)
            bar = f"M{x - 5:.1f},{top:.1f}h10M{x:.1f},{top:.1f}V{low:.1f}M{x - 5:.1f},{low:.1f}h10"
            parts.append(f"<path class='spread' d='{bar}' stroke='{_LINE}' fill='none'/>")
        parts += [f"<circle cx='{x:.1f}' cy='{down(v):.1f}' r='3' fill='{_LINE}' opacity='.5'/>" for v in point.values]
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{_HEIGHT}' font-family='sans-serif'"
    # Pages replace the colours of these classes by their own.
    paper = "<rect class='paper' width='100%' height='100%' fill='#fff'/>"
    return f"{head} viewBox='0 0 {_WIDTH} {_HEIGHT}' font-size='12'>{paper}{''.join(parts)}</svg>\n"


def _axes(high: float, ticks: Sequence[tuple[float, int]], down: Callable[[float], float]) -> list[str]:
    step = _round_step(high)
    parts = []
    for number in range(int(high / step) + 1):
        y = down(number * step)
        parts.append(f"<path d='M{_LEFT},{y:.1f}H{_WIDTH - _RIGHT}' class='grid' stroke='#ddd'/>")
        parts.append(f"<text x='{_LEFT - 6}' y='{y + 4:.1f}' text-anchor='end' fill='#333'>{number * step:.3g}</text>")
    bottom = _HEIGHT - _BOTTOM
    parts += [f"<text x='{x:.1f}' y='{bottom + 17}' text-anchor='middle' fill='#333'>{n}</text>" for x, n in ticks]
    middle = (_TOP + bottom) / 2
    parts.append(f"<text x='{_WIDTH / 2}' y='{_HEIGHT - 8}' text-anchor='middle' fill='#333'>training images</text>")
    turn = f"transform='rotate(-90 16 {middle})'"
    parts.append(f"<text x='16' y='{middle}' {turn} text-anchor='middle' fill='#333'>MAD on held-out images</text>")
    return parts


def _round_step(high: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that divides the axis into four to ten parts."""
    power = 10.0 ** math.floor(math.log10(high / 4))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= high / 4)
