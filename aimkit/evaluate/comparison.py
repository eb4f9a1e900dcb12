"""Results side by side as HTML: tables, a scatter of two, and the images from the worst on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aimkit import html
from aimkit.evaluate.compare import compare, comparison_table, per_image
from aimkit.evaluate.plot import scatter
from aimkit.evaluate.tables import TITLES, cell, group_table, model_name, summary_table

#: Images that the list of the worst shows.
_WORST = 200


def comparison_page(results: Sequence[Mapping[str, Any]], metric: str = "sad", *, mix_protocols: bool = False) -> str:
    """A page that needs no other file.

    Args:
        results: Contents of ``results.json`` files, two or more; all are compared with the first.
        metric: Metric of the scatters and of the order of images.
        mix_protocols: As for :func:`aimkit.evaluate.compare.compare`.

    Raises:
        AimkitError: As there.
    """
    title = f"{model_name(results[0])} compared with {', '.join(model_name(one) for one in results[1:])}"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        averages_html(results),
        differences_html(results, mix_protocols=mix_protocols),
        f"<h2>Image by image: {TITLES[metric][0]}</h2>",
        scatter_html(results, metric),
        worst_html(results, metric),
    ]
    return html.page(title, "".join(parts))


def averages_html(results: Sequence[Mapping[str, Any]]) -> str:
    """The averages of each result, and of its types and categories."""
    parts = ["<h2>Averages</h2>", html.table(*summary_table(results), "averages")]
    for result in results:
        name = html.escape(model_name(result))
        groups = html.table(*group_table(result), f"types and categories of {model_name(result)}")
        text, notes = result["protocol"]["text"], result["notes"]
        facts = "".join(f"<p class=note>{html.escape(note)}</p>" for note in notes)
        about = f"<p>Protocol: {html.escape(text)}.</p>{facts}{groups}"
        parts.append(f"<details><summary>{name}: protocol, types and categories</summary>{about}</details>")
    return "".join(parts)


def differences_html(results: Sequence[Mapping[str, Any]], *, mix_protocols: bool = False) -> str:
    """The differences from the first result, with their confidence; "" for a single result.

    Raises:
        AimkitError: As for :func:`aimkit.evaluate.compare.compare`.
    """
    if len(results) < 2:
        return ""
    rows = compare(results, mix_protocols=mix_protocols)
    about = f"Image by image against {model_name(results[0])}. Smaller is better. Clear: the interval excludes 0."
    found = html.table(*comparison_table(rows), "differences")
    return f"<h2>Differences</h2><p>{html.escape(about)}</p>{found}"


def scatter_html(results: Sequence[Mapping[str, Any]], metric: str) -> str:
    """A scatter of the first result with each of the others; "" for a single result.

    Raises:
        AimkitError: They have no common images.
    """
    figures = []
    for other in results[1:]:
        rows = per_image([results[0], other], metric)
        better = sum(row["values"][1] < row["values"][0] for row in rows)
        about = f"{model_name(other)} is better in {better} of {len(rows)} images, those below the diagonal."
        kinds = dict.fromkeys(row["type"] for row in rows if row["type"] in ("SO", "STM", "NS"))
        keys = " ".join(f"<span class='key {kind}'>{kind}</span>" for kind in kinds)
        drawn = scatter(rows, (model_name(results[0]), model_name(other)), metric)
        figures.append(f"<figure>{drawn}<figcaption>{html.escape(about)} {keys}</figcaption></figure>")
    return f"<div class=plots>{''.join(figures)}</div>" if figures else ""


def worst_html(results: Sequence[Mapping[str, Any]], metric: str, *, pick: bool = False) -> str:
    """The images from the worst on.

    Args:
        results: One result or more.
        metric: Metric that orders the images: the largest of the results' values.
        pick: Whether images can be chosen, see :func:`aimkit.html.table`.

    Raises:
        AimkitError: The results have no common images.
    """
    rows = per_image(results, metric)
    columns = ["image", "type", "category", *(model_name(result) for result in results)]
    columns += ["difference"] * (len(results) == 2)
    lines = []
    for row in rows[:_WORST]:
        values = [cell({metric: value}, metric) for value in row["values"]]
        if len(results) == 2:
            values.append(f"{row['values'][1] - row['values'][0]:+.{TITLES[metric][1]}f}")
        lines.append([row["id"], row["type"], row["category"], *values])
    more = f"<p class=faint>The worst {_WORST} of {len(rows)} images.</p>" if len(rows) > _WORST else ""
    return html.table(columns, lines, f"images by {TITLES[metric][0]}, the worst first", pick=pick) + more
