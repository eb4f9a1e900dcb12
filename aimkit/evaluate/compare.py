"""Compare results image by image, with confidence intervals of the differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.evaluate.protocol import differences
from aimkit.evaluate.tables import TITLES, Table, cell, model_name
from aimkit.rng import rng
from aimkit.types import Array

RESAMPLES = 10_000
LEVEL = 0.95


def compare(
    results: Sequence[Mapping[str, Any]], *, mix_protocols: bool = False, seed: int = 0, resamples: int = RESAMPLES
) -> list[dict[str, Any]]:
    """Compare results with the first of them, image by image.

    Args:
        results: Contents of ``results.json`` files, two or more.
        mix_protocols: Allow different protocols; only common images are compared.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the bootstrap.

    Returns:
        For every other result and metric: ``metric``, ``name``, ``images``, ``first`` and ``other`` (means),
        ``difference`` (other - first), ``low`` and ``high`` (95 % paired percentile bootstrap over images), and
        ``clear`` (the interval excludes 0).

    Raises:
        AimkitError: There are fewer than two results, their protocols differ, or they have no common images.
    """
    if len(results) < 2:
        raise AimkitError("a comparison needs at least two results", hint="aimkit evaluate compare A.json B.json")
    first, rows = results[0], []
    for other in results[1:]:
        unequal = differences(first["protocol"], other["protocol"])
        if unequal and not mix_protocols:
            what = "the protocols differ, so the numbers can't be compared:\n  " + "\n  ".join(unequal)
            raise AimkitError(what, model_name(other), "use --mix-protocols to compare the common images anyway")
        rows += _compare_two(first, other, seed, resamples)
    return rows


def per_image(results: Sequence[Mapping[str, Any]], metric: str) -> list[dict[str, Any]]:
    """The values of a metric of the images that all results have, the worst first.

    Args:
        results: Contents of ``results.json`` files.
        metric: Key of the metric.

    Returns:
        For each image ``id``, ``type``, ``category``, and ``values``, one of each result.

    Raises:
        AimkitError: They have no common images with a value.
    """
    by_id = [{row["id"]: row for row in result["images"]} for result in results]
    common = [name for name in by_id[0] if all(name in rows for rows in by_id[1:])]
    found = []
    for name in common:
        values = [rows[name].get(metric) for rows in by_id]
        if None not in values:
            first = by_id[0][name]
            found.append({"id": name, "type": first["type"], "category": first["category"], "values": values})
    if not found:
        raise AimkitError("the results have no common images", model_name(results[-1]))
    return sorted(found, key=lambda row: (-max(row["values"]), row["id"]))


def comparison_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Format the rows of :func:`compare` as a table."""
    columns = ["model", "metric", "images", "first", "this", "difference", "95 % interval", "clear"]
    cells = []
    for row in rows:
        digits = TITLES[row["metric"]][1]
        low, high, delta = (f"{row[key]:+.{digits}f}" for key in ("low", "high", "difference"))
        values = [cell({row["metric"]: row[key]}, row["metric"]) for key in ("first", "other")]
        title = TITLES[row["metric"]][0]
        verdict = ("better" if row["difference"] < 0 else "worse") if row["clear"] else "no"
        cells.append([row["name"], title, str(row["images"]), *values, delta, f"{low} .. {high}", verdict])
    return columns, cells


def named_apart(results: Sequence[Mapping[str, Any]], files: Sequence[Path]) -> list[dict[str, Any]]:
    """Add to equal names of models where their results lie, as far as the places differ.

    Args:
        results: Contents of ``results.json`` files.
        files: The file of each, or its folder.
    """
    counts = Counter(model_name(result) for result in results)
    places = [(file.parent if file.suffix == ".json" else file).resolve().parts for file in files]
    named = []
    for result, parts in zip(results, places, strict=True):
        title = model_name(result)
        if counts[title] > 1:
            rivals = [other for one, other in zip(results, places, strict=True) if model_name(one) == title]
            title = f"{title} ({_shortest(parts, [other for other in rivals if other != parts])})"
        named.append({**result, "model": {**result["model"], "title": title}})
    return named


def _shortest(parts: Sequence[str], others: Sequence[Sequence[str]]) -> str:
    """As many of the last parts of a path as no other path has too."""
    count = 1
    while count < len(parts) and any(other[-count:] == parts[-count:] for other in others):
        count += 1
    return "/".join(parts[-count:])


def bootstrap(values: Array, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Compute a 95 % percentile interval of the mean of paired differences.

    Args:
        values: Difference of each image, (N,).
        seed: Seed of the resampling.
        resamples: Number of resamples.
    """
    draw = rng(seed, "bootstrap")
    n, means, chunk = len(values), [], max(1, 2_000_000 // len(values))
    for start in range(0, resamples, chunk):
        picks = draw.integers(0, n, (min(chunk, resamples - start), n))
        means.append(values[picks].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _compare_two(first: Mapping[str, Any], other: Mapping[str, Any], seed: int, resamples: int) -> list[dict[str, Any]]:
    pairs = {row["id"]: row for row in first["images"]}
    both = [(pairs[row["id"]], row) for row in other["images"] if row["id"] in pairs]
    if not both:
        raise AimkitError("the results have no common images", model_name(other))
    rows = []
    for metric in TITLES:
        used = [(a[metric], b[metric]) for a, b in both if a.get(metric) is not None and b.get(metric) is not None]
        if not used:
            continue
        values = np.array(used, np.float64)
        delta = values[:, 1] - values[:, 0]
        low, high = bootstrap(delta, seed, resamples)
        rows.append(
            {
                "metric": metric,
                "name": model_name(other),
                "images": len(used),
                "first": float(values[:, 0].mean()),
                "other": float(values[:, 1].mean()),
                "difference": float(delta.mean()),
                "low": low,
                "high": high,
                "clear": low > 0 or high < 0,
            }
        )
    return rows


def headline(results: Sequence[Mapping[str, Any]], *, metric: str = "mad", seed: int = 0) -> str:
    """Write in one line how much better or worse the first result is than the best of the others.

    "Best" is the smallest mean. It is chosen for every type on its own, so that the first result is never compared with
    a rival that is weak on that type.

    Args:
        results: Contents of ``results.json`` files of one protocol, two or more.
        metric: The metric to compare.
        seed: Seed of the bootstrap.

    Raises:
        AimkitError: As for :func:`compare`.
    """
    rows = [row for row in compare(results, seed=seed) if row["metric"] == metric]
    rival = min(rows, key=lambda row: row["other"])
    title = TITLES[metric][0]
    text = (
        f"{model_name(results[0])}: {title} {cell({metric: rival['first']}, metric)} on {rival['images']} images, "
        f"{_relative(rival['first'], rival['other'])} the best other, {rival['name']} "
        f"({cell({metric: rival['other']}, metric)}); "
        # The rows have other - first; this line has first - other.
        f"95 % interval of the difference {-rival['high']:+.4f} .. {-rival['low']:+.4f}"
    )
    groups = []
    for name in results[0]["averages"]["types"]:
        own, *others = (result["averages"]["types"][name][metric] for result in results)
        groups.append(f"{name} {_relative(own, min(others))}")
    return text + (f"; by type, each against the best there: {', '.join(groups)}" if groups else "")


def _relative(value: float, other: float) -> str:
    """``34 % below`` or ``12 % above``."""
    if other == 0:
        return "above" if value > 0 else "equal to"
    return f"{abs(value / other - 1):.0%} {'below' if value < other else 'above'}".replace("%", " %")
