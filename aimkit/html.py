"""Self-contained HTML: a page, tables, line charts, embedded pictures."""

from __future__ import annotations

import base64
import hashlib
import html as _html
from collections.abc import Mapping, Sequence
from pathlib import Path

from aimkit.printable import printable

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.15em .8em .15em 0;text-align:right;white-space:nowrap}td:first-child,th:first-child{text-align:left}
th{border-bottom:1px solid #999}pre{background:#f4f4f4;padding:1em;overflow:auto;font-size:13px}
.charts{display:flex;flex-wrap:wrap;gap:1.5em;margin-bottom:1.5em}.charts figure{max-width:340px}
figure{margin:0}figcaption{font-size:13px;color:#555}
.strip{display:flex;gap:4px;overflow-x:auto;margin:.4em 0}.strip figure{flex:none;text-align:center}
img{max-width:100%}.result{font-size:1.1em;border-left:4px solid #2b6cb0;padding:.2em 0 .2em .8em}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#222}figcaption{color:#aaa}}
"""
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b83280", "#718096")


def escape(value: object) -> str:
    """A value as text of an element or an attribute: names from elsewhere stay names."""
    return _html.escape(printable(str(value)))


def page(title: str, body: str) -> str:
    """Return a whole page that needs no other file."""
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    return sealed(
        f"<!doctype html><html lang=en><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def sealed(text: str) -> str:
    """A page with its digest in a comment at the end, which :func:`is_changed` compares."""
    return f"{text}<!-- sha256 {hashlib.sha256(text.encode()).hexdigest()} -->\n"


def is_changed(data: bytes) -> bool:
    """Whether a page is not what its digest says; pages of earlier versions have none."""
    body, mark, digest = data.rpartition(b"<!-- sha256 ")
    if not mark:
        return not data.endswith(b"</html>\n")
    return digest != hashlib.sha256(body).hexdigest().encode() + b" -->\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def picture(source: Path | bytes, caption: str = "") -> str:
    """Return a figure with a PNG, given as a file or as its bytes, and a caption."""
    data = base64.b64encode(source if isinstance(source, bytes) else source.read_bytes()).decode()
    text = escape(caption)
    return f"<figure><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"


def chart(title: str, lines: Mapping[str, Sequence[tuple[float, float]]], width: int = 340, height: int = 200) -> str:
    """Return a line chart as SVG; the vertical axis starts at the smallest value.

    Args:
        title: Caption of the figure.
        lines: Points (x, y) of each line, by name.
        width: Width in pixels.
        height: Height in pixels.
    """
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    (left, right), (low, high) = (min(xs), max(xs)), (min(ys), max(ys))
    spread_x, spread_y = (right - left) or 1.0, (high - low) or abs(high) or 1.0
    edge, top, bottom = 58, 8, 20

    def place(x: float, y: float) -> str:
        across = edge + (x - left) / spread_x * (width - edge - 8)
        return f"{across:.1f},{top + (high - y) / spread_y * (height - top - bottom):.1f}"

    parts = []
    for (name, line), colour in zip(lines.items(), _COLOURS * (1 + len(lines) // len(_COLOURS)), strict=False):
        path = " ".join(place(x, y) for x, y in line)
        parts.append(f"<polyline fill=none stroke='{colour}' stroke-width=1.5 points='{path}'/>")
        last = place(*line[-1]).split(",")
        parts.append(
            f"<circle r=2.5 fill='{colour}' cx='{last[0]}' cy='{last[1]}'><title>{escape(name)}</title></circle>"
        )
    axis = f"M{edge},{top}V{height - bottom}H{width - 8}"
    label = "font-size=11 fill=currentColor"
    texts = [
        f"<text x='{edge - 4}' y='{top + 8}' text-anchor=end {label}>{high:.3g}</text>",
        f"<text x='{edge - 4}' y='{height - bottom}' text-anchor=end {label}>{low:.3g}</text>",
        f"<text x='{edge}' y='{height - 5}' {label}>{left:.6g}</text>",
        f"<text x='{width - 8}' y='{height - 5}' text-anchor=end {label}>{right:.6g}</text>",
    ]
    keys = "".join(
        f"<span style='white-space:nowrap'><span style='color:{colour}'>&#9632;</span> {escape(name)}</span> "
        for name, colour in zip(lines, _COLOURS * (1 + len(lines) // len(_COLOURS)), strict=False)
    )
    inside = f"<path d='{axis}' fill=none stroke='#999'/>{''.join(texts + parts)}"
    svg = f"<svg width={width} height={height} role=img>{inside}</svg>"
    return f"<figure>{svg}<figcaption><b>{escape(title)}</b> {keys if len(lines) > 1 else ''}</figcaption></figure>"
