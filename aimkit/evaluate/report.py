"""The HTML report: one self-contained file with tables, distributions, pictures and a slider."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aimkit import html
from aimkit.evaluate.averages import ranked
from aimkit.evaluate.images import EvaluationPlanes
from aimkit.evaluate.plot import distribution
from aimkit.evaluate.tables import TITLES, cell, group_table, model_name, summary_table
from aimkit.files import write_bytes
from aimkit.html import escape, slider, table
from aimkit.imageio import encode_jpeg
from aimkit.imageio.reduced import reduced
from aimkit.types import Array, UInt8, to_float, to_uint8

#: Long side of the pictures in pixels: nine images with four pictures each stay below 3 MB.
SIDE = 420
_PLOTS = ("sad", "mse", "grad", "conn", "sad_transition", "mse_transition")


def write_report(
    path: Path, result: Mapping[str, Any], look: Callable[[str], EvaluationPlanes], *, by: str = "sad", each: int = 3
) -> None:
    """Write the report.

    Args:
        path: The HTML file.
        result: The result of :func:`aimkit.evaluate.run.run`.
        look: Function that reads and predicts an image by its id; called for the images that are shown.
        by: Metric that decides which images are best, median and worst.
        each: Number of images shown of each.
    """
    write_bytes(path, page(result, look, by=by, each=each).encode())


def page(result: Mapping[str, Any], look: Callable[[str], EvaluationPlanes], *, by: str = "sad", each: int = 3) -> str:
    """Build the report as text; arguments as for :func:`write_report`."""
    images, name = result["images"], model_name(result)
    known = {key: value for key, value in result["model"].items() if key != "title"}
    facts = {**known, "protocol": result["protocol"]["text"], "images": len(images)}
    body = [
        f"<h1>{escape(name)}</h1>",
        "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items()) + "</dl>",
        *(f"<p class=note>{escape(note)}</p>" for note in result["notes"]),
        "<h2>Averages</h2>",
        table(*summary_table([result]), "averages"),
        table(*group_table(result), "averages of types and categories"),
        "<h2>Distributions</h2>",
        "<div class=plots>",
        *(f"<figure>{svg}</figure>" for metric in _PLOTS if (svg := distribution(images, metric))),
        "</div>",
    ]
    for title, rows in galleries(images, by, each).items():
        body.append(f"<h2>{title} by {TITLES[by][0]}</h2>")
        body.append("<p class=faint>Error: red is too opaque, blue too transparent.</p>")
        body += [_card(row, look(row["id"])) for row in rows]
    return html.page(name, "\n".join(body))


def galleries(rows: Sequence[Mapping[str, Any]], by: str, each: int) -> dict[str, list[Mapping[str, Any]]]:
    """Choose the best, median and worst images, each once; small sets are shown completely."""
    order = ranked(rows, by)
    if len(order) <= 3 * each:
        return {"All images, best first,": order}
    start = (len(order) - each) // 2
    return {"Best": order[:each], "Median": order[start : start + each], "Worst": order[-each:][::-1]}


def error_map(prediction: Array, alpha: Array) -> UInt8:
    """Draw the error of a matte, RGB, uint8, (H, W, 3): red is too opaque, blue too transparent, white is right."""
    difference = to_float(prediction) - to_float(alpha)
    over, under = np.clip(difference, 0, 1), np.clip(-difference, 0, 1)
    # The square root makes errors of a few levels visible, as thin structures have them.
    over, under = np.sqrt(over), np.sqrt(under)
    return to_uint8(np.dstack([1 - under, 1 - over - under, 1 - over]))


def _card(row: Mapping[str, Any], planes: EvaluationPlanes) -> str:
    assert planes.prediction is not None
    mattes = {"truth": planes.alpha, "prediction": planes.prediction}
    small = {name: reduced(_levels(matte), SIDE) for name, matte in mattes.items()}
    # Drawn at full size, so that thin errors are averaged, not skipped.
    small["error"] = reduced(error_map(planes.prediction, planes.alpha), SIDE)
    if planes.image is not None:
        small = {"photo": reduced(planes.image, SIDE), **small}
    urls = {name: picture_url(picture) for name, picture in small.items()}
    about = " ".join(part for part in (row["type"], row["category"], f"{row['width']}x{row['height']}") if part)
    figures = [f"<figure><img src='{url}' alt='{k}'><figcaption>{k}</figcaption></figure>" for k, url in urls.items()]
    figures.append(slider(urls["prediction"], urls["truth"], ("prediction", "truth"), "from truth to prediction"))
    values = ", ".join(f"{TITLES[m][0]} {cell(row, m)}" for m in ("sad", "mse", "grad", "conn", "sad_transition"))
    title = f"<h3>{escape(row['id'])} <small>{escape(about)}</small></h3>"
    return f"<section>{title}<p>{values}</p><div class=row>{''.join(figures)}</div></section>"


def beside_html(name: str, names: Sequence[str], planes: Sequence[EvaluationPlanes]) -> str:
    """One image by several networks: photo, truth, predictions, errors, and a slider between the first two.

    Args:
        name: Name of the image.
        names: Names of the predictions.
        planes: The image with each prediction, see :meth:`aimkit.evaluate.images.EvaluationSet.read`.
    """
    first = planes[0]
    shown: dict[str, UInt8] = {} if first.image is None else {"photo": first.image}
    shown["truth"] = _levels(first.alpha)
    mattes = []
    for number, (title, one) in enumerate(zip(names, planes, strict=True), 1):
        assert one.prediction is not None
        own = f"{number}: {title}" if len(set(names)) < len(names) else title
        mattes.append((own, _levels(one.prediction)))
        shown[own] = mattes[-1][1]
        shown[f"error of {own}"] = error_map(one.prediction, one.alpha)
    urls = {title: picture_url(reduced(picture, SIDE)) for title, picture in shown.items()}
    figures = [
        f"<figure><img src='{url}' alt='{escape(title)}'><figcaption>{escape(title)}</figcaption></figure>"
        for title, url in urls.items()
    ]
    left, right = (mattes[0][0], mattes[1][0]) if len(mattes) > 1 else (mattes[0][0], "truth")
    figures.insert(0, slider(urls[left], urls[right], (left, right), f"from {right} to {left}"))
    title = f"<h3>{escape(name)}</h3><p class=faint>Error: red is too opaque, blue too transparent.</p>"
    return f"<section>{title}<div class='row beside'>{''.join(figures)}</div></section>"


def _levels(matte: Array) -> UInt8:
    return np.asarray(matte, np.uint8) if matte.dtype == np.uint8 else to_uint8(matte)


def picture_url(picture: UInt8) -> str:
    """A picture, grey or RGB, as an address that holds it: a JPEG."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(picture, 85)).decode()
