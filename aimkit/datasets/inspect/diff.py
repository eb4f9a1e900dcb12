"""Comparing two datasets: which samples differ, and in what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from aimkit.datasets.lock import differences
from aimkit.datasets.reader import Dataset
from aimkit.datasets.writers.record import SampleRecord, decode_plane
from aimkit.datasets.writers.shard import ranges, read_sidecar
from aimkit.errors import AimkitError
from aimkit.json_files import parse_json


def diff(a: Dataset, b: Dataset) -> Iterator[str]:
    """Yield one line per difference: keys of the recipes, samples in only one dataset, planes and keys of samples.

    The datasets may have different formats: the content of the samples is compared. Shards with equal digests are
    skipped.
    """
    for line in differences(a.recipe, b.recipe):
        yield "recipe " + line.replace(" in the dataset, ", " in A, ").replace(" now", " in B")
    here, there = _indices(a), _indices(b)
    for name, more in (("A", here.keys() - there.keys()), ("B", there.keys() - here.keys())):
        if more:
            yield f"only in {name}: {len(more)} samples ({ranges(sorted(more))})"
    for index in _to_compare(a, b, here, there):
        try:
            yield from (f"sample {index} {line}" for line in _compare(a.record(here[index]), b.record(there[index])))
        except AimkitError as error:
            yield f"sample {index}: {error.what}"


def _to_compare(a: Dataset, b: Dataset, here: dict[int, int], there: dict[int, int]) -> Iterator[int]:
    digests = {(shard.start, shard.stop): read_sidecar(b.root, shard)["digest"] for shard in b.shards}
    for shard in a.shards:
        if digests.get((shard.start, shard.stop)) != read_sidecar(a.root, shard)["digest"]:
            yield from (index for index in range(shard.start, shard.stop) if index in there)


def _compare(a: SampleRecord, b: SampleRecord) -> Iterator[str]:
    if a.type != b.type:
        yield f"type: {a.type} in A, {b.type} in B"
    if a.category != b.category:
        yield f"category: {a.category!r} in A, {b.category!r} in B"
    for name in dict.fromkeys([*a.planes, *b.planes]):
        if name not in a.planes or name not in b.planes:
            yield f"{name}: only in {'A' if name in a.planes else 'B'}"
        elif a.planes[name] != b.planes[name]:
            yield from _compare_planes(name, a.planes[name], b.planes[name])
    if a.meta != b.meta:
        keys = _different_keys(*(parse_json(x.meta, dict, "provenance", f"sample {x.index}") for x in (a, b)))
        if keys:
            yield "meta: " + ", ".join(keys[:8]) + (f" and {len(keys) - 8} more" if keys[8:] else "")


def _compare_planes(name: str, a: bytes, b: bytes) -> Iterator[str]:
    one, other = decode_plane(a, name, "A"), decode_plane(b, name, "B")
    if one.shape != other.shape:
        (h1, w1), (h2, w2) = one.shape[:2], other.shape[:2]
        yield f"{name}: {w1}x{h1} in A, {w2}x{h2} in B"
        return
    off = np.abs(one.astype(np.int16) - other)
    if off.any():
        yield f"{name}: up to {off.max()} levels, {(off > 0).mean():.2%} of values"


def _different_keys(a: Any, b: Any, prefix: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        pairs = [(str(key), a.get(key), b.get(key)) for key in sorted({**a, **b})]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = [(str(i), x, y) for i, (x, y) in enumerate(zip(a, b, strict=True))]
    else:
        return [] if a == b else [prefix.rstrip(".") or "all of it"]
    return [key for name, x, y in pairs for key in _different_keys(x, y, f"{prefix}{name}.")]


def _indices(dataset: Dataset) -> dict[int, int]:
    """Map sample index to position."""
    indices = (index for shard in dataset.shards for index in range(shard.start, shard.stop))
    return {index: position for position, index in enumerate(indices)}
