"""Averages over images, types and categories: micro and macro, for every metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aimkit.types import ImageType

#: Metric -> value; None where it has none.
Values = dict[str, float | None]


def averages(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> dict[str, Any]:
    """Average per-image rows.

    Args:
        rows: A mapping for each image: ``type`` and ``category`` ("" if unknown), and a value or None for each metric.
        metrics: The metrics to average.

    Returns:
        ``images`` (micro: mean over all images), ``types`` and ``categories`` (mean of each group), ``type_macro`` and
        ``category_macro`` (mean of the groups' means). A value is None if no image has one. ``count`` is the number of
        images, or of groups for macro averages.
    """
    types = _groups(rows, "type", [member.value for member in ImageType])
    categories = _groups(rows, "category", sorted({row["category"] for row in rows}))
    result: dict[str, Any] = {"images": mean(rows, metrics)}
    for name, groups in (("types", types), ("categories", categories)):
        result[name] = {group: mean(members, metrics) for group, members in groups.items()}
    result["type_macro"] = mean(list(result["types"].values()), metrics)
    result["category_macro"] = mean(list(result["categories"].values()), metrics)
    return result


def mean(rows: Sequence[Mapping[str, Any]], metrics: Iterable[str]) -> dict[str, Any]:
    """The mean of every metric over the rows that have a value, and their ``count``."""
    result: dict[str, Any] = {"count": len(rows)}
    for metric in metrics:
        values = [row[metric] for row in rows if row[metric] is not None]
        result[metric] = sum(values) / len(values) if values else None
    return result


def ranked(rows: Sequence[Mapping[str, Any]], metric: str) -> list[Mapping[str, Any]]:
    """Sort the rows that have a value, best first; ties by id."""
    key: Callable[[Mapping[str, Any]], Any] = lambda row: (row[metric], row["id"])  # noqa: E731
    return sorted((row for row in rows if row[metric] is not None), key=key)


def _groups(rows: Sequence[Mapping[str, Any]], key: str, names: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by the value of a key, in the order of ``names``; "" and empty groups are left out."""
    found = {name: [row for row in rows if row[key] == name] for name in names if name}
    return {name: members for name, members in found.items() if members}
