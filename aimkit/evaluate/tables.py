"""Tables of results, in the layout of the AIM-500 table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aimkit.markdown import table

#: Metric -> (title, decimals).
TITLES = {
    "sad": ("SAD", 2),
    "mse": ("MSE", 4),
    "mad": ("MAD", 4),
    "conn": ("Conn", 2),
    "grad": ("Grad", 2),
    "sad_transition": ("SAD transition", 2),
    "mse_transition": ("MSE transition", 4),
    "mad_transition": ("MAD transition", 4),
    "conn_transition": ("Conn transition", 2),
    "grad_transition": ("Grad transition", 2),
    "sad_fg": ("SAD fg", 2),
    "sad_bg": ("SAD bg", 2),
}

Table = tuple[list[str], list[list[str]]]


def summary_table(results: Iterable[Mapping[str, Any]]) -> Table:
    """A row for every result: micro averages, SAD per type, and the two macro averages of SAD."""
    whole = ("sad", "mse", "mad", "conn", "grad", "sad_transition")
    columns = ["model", "strategy", *(TITLES[m][0] for m in whole), "SO", "STM", "NS", "type avg", "category avg"]
    rows = []
    for result in results:
        means = result["averages"]
        groups = [means["types"].get(name, {}) for name in ("SO", "STM", "NS")]
        groups += [means["type_macro"], means["category_macro"]]
        row = [model_name(result), result["protocol"]["prediction"], *(cell(means["images"], m) for m in whole)]
        rows.append(row + [cell(group, "sad") for group in groups])
    return columns, rows


def group_table(result: Mapping[str, Any]) -> Table:
    """Every metric for all images, each type, each category, and the macro averages."""
    means = result["averages"]
    columns = ["group", "images", *(title for title, _ in TITLES.values())]
    named = [("all images", means["images"]), *means["types"].items()]
    if means["types"]:
        named.append(("mean of types", means["type_macro"]))
    named += means["categories"].items()
    if means["categories"]:
        named.append(("mean of categories", means["category_macro"]))
    rows = []
    for name, values in named:
        count = "" if name.startswith("mean of") else str(values["count"])
        rows.append([name, count, *(cell(values, metric) for metric in TITLES)])
    return columns, rows


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table with text on the left and numbers on the right."""
    rows = [[text or " " for text in row] for row in rows]
    marks = ["---:" if all(_is_number(row[i]) for row in rows) else "---" for i in range(len(columns))]
    return table(columns, rows, marks)


def cell(values: Mapping[str, Any], metric: str) -> str:
    """Format a value with the metric's decimals; "-" for None."""
    value = values.get(metric)
    return "-" if value is None else f"{value:.{TITLES[metric][1]}f}"


def model_name(result: Mapping[str, Any]) -> str:
    """Name of the model in tables."""
    return str(result["model"].get("title") or result["model"].get("name") or "?")


def _is_number(text: str) -> bool:
    return not text.strip("-0123456789. ")
