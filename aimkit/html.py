"""Self-contained HTML: a page, tables, line charts, embedded pictures."""

from __future__ import annotations

import base64
import hashlib
import html as _html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from aimkit.printable import printable

#: The stylesheet of all pages, and what moves on them: sliders, and tables that sort.
STYLE, SCRIPT = (Path(__file__).with_suffix(suffix) for suffix in (".css", ".js"))

#: Number of colours for the lines of a chart, ``.k0`` and so on in the stylesheet.
_COLOURS = 6
#: Characters of a cell from which its column breaks lines.
_WRAPS = 40
_FIGURE = re.compile(r"[-+]?[\d.,]*\d(e[-+]?\d+)?( ?%)?( ?(\+-|±|/|\.\.|x) ?[-+]?[\d.]+%?)?|-|nan|", re.I)


def escape(value: object) -> str:
    """A value as text of an element or an attribute: names from elsewhere stay names."""
    return _html.escape(printable(str(value)))


def page(title: str, body: str) -> str:
    """Return a whole page that needs no other file."""
    head = (
        "<meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style>"
    )
    script = f"<script>{SCRIPT.read_text(encoding='utf-8')}enliven(document);</script>"
    opening = f"<!doctype html><html lang=en><head>{head}</head>"
    return sealed(f"{opening}<body class=page><main class=report>{body}</main>{script}</body></html>\n")


def sealed(text: str) -> str:
    """A page with its digest in a comment at the end, which :func:`is_changed` compares."""
    return f"{text}<!-- sha256 {hashlib.sha256(text.encode()).hexdigest()} -->\n"


def is_changed(data: bytes) -> bool:
    """Whether a page is not what its digest says; pages of earlier versions have none."""
    body, mark, digest = data.rpartition(b"<!-- sha256 ")
    if not mark:
        return not data.endswith(b"</html>\n")
    return digest != hashlib.sha256(body).hexdigest().encode() + b" -->\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], label: str = "table", *, pick: bool = False) -> str:
    """Return a table of text, which scrolls within itself and sorts by a click on a column's head.

    Args:
        columns: Heads of the columns.
        rows: Cells; columns of figures are aligned to the right.
        label: What it shows, for screen readers.
        pick: Whether the first cells can be chosen, for pages that do something with ``data-pick``.
    """
    texts = [[str(cell) for cell in row] for row in rows]
    words = [n for n in range(len(columns)) if not all(_FIGURE.fullmatch(row[n].strip()) for row in texts)]
    kinds = " ".join(f"t{n + 1}" + f" w{n + 1}" * any(len(row[n]) > _WRAPS for row in texts) for n in words)
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in columns)
    lines = [[escape(cell) for cell in row] for row in texts]
    if pick:
        lines = [[f"<button type=button data-pick='{name}'>{name}</button>", *rest] for name, *rest in lines]
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in lines)
    inside = f"<table class='{kinds}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class=wide tabindex=0 role=region aria-label='{escape(label)}'>{inside}</div>"


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
    for number, (name, line) in enumerate(lines.items()):
        path = " ".join(place(x, y) for x, y in line)
        last = place(*line[-1]).split(",")
        dot = f"<circle r=2.5 class=mark cx='{last[0]}' cy='{last[1]}'><title>{escape(name)}</title></circle>"
        line_ = f"<polyline class=line stroke-width=1.5 points='{path}'/>"
        parts.append(f"<g class=k{number % _COLOURS}>{line_}{dot}</g>")
    axis = f"M{edge},{top}V{height - bottom}H{width - 8}"
    texts = [
        f"<text x='{edge - 4}' y='{top + 8}' text-anchor=end>{high:.3g}</text>",
        f"<text x='{edge - 4}' y='{height - bottom}' text-anchor=end>{low:.3g}</text>",
        f"<text x='{edge}' y='{height - 4}'>{left:.6g}</text>",
        f"<text x='{width - 8}' y='{height - 4}' text-anchor=end>{right:.6g}</text>",
    ]
    keys = "".join(f"<span class='key k{n % _COLOURS}'>{escape(name)}</span> " for n, name in enumerate(lines))
    inside = f"<path d='{axis}' class=axis />{''.join(texts + parts)}"
    svg = f"<svg viewBox='0 0 {width} {height}' role=img aria-label='{escape(title)}'>{inside}</svg>"
    caption = f"<b>{escape(title)}</b> {keys if len(lines) > 1 else ''}"
    return f"<figure class=chart>{svg}<figcaption>{caption}</figcaption></figure>"


def slider(left: str, right: str, names: tuple[str, str], label: str) -> str:
    """Return two pictures of one size on top of each other, with a slider between them.

    Args:
        left: Address of the picture on the left, such as ``data:image/png;base64,...``.
        right: Address of the other one.
        names: What they show.
        label: What the slider does, for screen readers.
    """
    one, other = (escape(name) for name in names)
    return (
        f"<figure class=slider><div class=pair><img src='{escape(right)}' alt='{other}'>"
        f"<img class=over src='{escape(left)}' alt='{one}'><span class=edge></span></div>"
        f"<input type=range min=0 max=100 value=50 aria-label='{escape(label)}'>"
        f"<figcaption>{one} | {other}</figcaption></figure>"
    )
