"""Statistics of a dataset: counted per shard while it is written, then summed over the shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np

from aimkit.types import ImageType, Sample, UInt8

AREA_BINS = 20
#: Upper edges of the transition-width bins in pixels; the last bin has none.
WIDTH_EDGES = (0, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def foreground_area(alpha: UInt8) -> float:
    """Share of the image that the foreground covers: the mean of alpha, in [0, 1]."""
    return float(alpha.mean()) / 255


def transition_width(alpha: UInt8) -> float:
    """Mean width in pixels of the band where 0 < alpha < 1; 0 if there is none.

    Across a band of width w, the distance to its nearest edge averages w/4 + 1/2 over the pixels' centres; so the
    width is four times the mean distance, less 2. The frame counts as an edge.
    """
    band = ((alpha > 0) & (alpha < 255)).astype(np.uint8)
    if not band.any():
        return 0.0
    distance = cv2.distanceTransform(cv2.copyMakeBorder(band, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 5)
    return max(4 * float(distance[1:-1, 1:-1][band > 0].mean(dtype=np.float64)) - 2, 1.0)


class Tally:
    """Counts over samples; all values are numbers, so that the tallies of shards can be summed."""

    def __init__(self) -> None:
        self._types: dict[str, dict[str, Any]] = {}
        self._sources: dict[str, Any] = {}

    def add(self, sample: Sample) -> None:
        """Count a sample."""
        entry = self._types.setdefault(sample.type.value, _empty())
        area, width = foreground_area(sample.alpha), transition_width(sample.alpha)
        entry["samples"] += 1
        entry["composition_valid"] += int(bool(sample.meta.get("composition_valid")))
        entry["categories"][sample.category] = entry["categories"].get(sample.category, 0) + 1
        size = f"{sample.size[1]}x{sample.size[0]}"
        entry["sizes"][size] = entry["sizes"].get(size, 0) + 1
        entry["alpha"] += np.bincount(sample.alpha.ravel(), minlength=256)
        entry["area"][min(int(area * AREA_BINS), AREA_BINS - 1)] += 1
        entry["area_sum"] += area
        entry["width"][int(np.searchsorted(WIDTH_EDGES, width))] += 1
        entry["width_sum"] += width
        for source in sample.meta.get("sources", []):
            keys = [str(source.get(key) or "") for key in ("role", "source", "licence", "origin")]
            level = self._sources
            for key in keys[:-1]:
                level = level.setdefault(key, {})
            level[keys[-1]] = level.get(keys[-1], 0) + 1

    def plain(self) -> dict[str, Any]:
        """Plain JSON values: ``types`` by name, and ``sources`` as uses by role, source, licence and origin."""
        types = {}
        for name in sorted(self._types):
            entry = self._types[name]
            types[name] = entry | {
                "categories": dict(sorted(entry["categories"].items())),
                "sizes": dict(sorted(entry["sizes"].items())),
                "alpha": entry["alpha"].tolist(),
                "area_sum": round(entry["area_sum"], 6),
                "width_sum": round(entry["width_sum"], 6),
            }
        return {"types": types, "sources": self._sources}


def total(sidecars: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum ``types`` and ``sources`` over the sidecars of several shards."""
    result: dict[str, Any] = {"types": {}, "sources": {}}
    for sidecar in sidecars:
        _add(result, {key: sidecar[key] for key in result})
    return result


def rows(types: Mapping[str, Any]) -> list[list[Any]]:
    """Cells of the statistics table, one row per type, with the columns of :data:`COLUMNS`."""
    everything = sum(entry["samples"] for entry in types.values())
    table = []
    for name in (image_type.value for image_type in ImageType):
        if name not in types:
            continue
        entry = types[name]
        alpha, samples = np.array(entry["alpha"], np.float64), entry["samples"]
        solid, partial = alpha[255] / alpha.sum(), alpha[1:255].sum() / alpha.sum()
        table.append(
            [
                name,
                samples,
                f"{samples / everything:.1%}",
                f"{entry['area_sum'] / samples:.1%}",
                f"{solid:.1%}",
                f"{partial:.1%}",
                f"{entry['width_sum'] / samples:.1f}",
                f"{entry['composition_valid'] / samples:.1%}",
            ]
        )
    return table


COLUMNS = (
    "type",
    "samples",
    "share",
    "foreground area",
    "alpha = 1",
    "0 < alpha < 1",
    "transition width (px)",
    "composition valid",
)


def counts(types: Mapping[str, Any], key: str) -> dict[str, int]:
    """Sum ``categories`` or ``sizes`` over all types, the most frequent first."""
    summed: dict[str, int] = {}
    for entry in types.values():
        for name, number in entry[key].items():
            summed[name] = summed.get(name, 0) + number
    return dict(sorted(summed.items(), key=lambda item: (-item[1], item[0])))


def source_rows(sources: Mapping[str, Any]) -> list[list[Any]]:
    """Rows [role, source, licence, origin, uses], one per source."""
    return [
        [role, source, licence, origin, uses]
        for role, by_source in sorted(sources.items())
        for source, by_licence in sorted(by_source.items())
        for licence, by_origin in sorted(by_licence.items())
        for origin, uses in sorted(by_origin.items())
    ]


def _empty() -> dict[str, Any]:
    return {
        "samples": 0,
        "composition_valid": 0,
        "categories": {},
        "sizes": {},
        "alpha": np.zeros(256, np.int64),
        "area": [0] * AREA_BINS,
        "area_sum": 0.0,
        "width": [0] * (len(WIDTH_EDGES) + 1),
        "width_sum": 0.0,
    }


def _add(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping):
            _add(into.setdefault(key, {}), value)
        elif isinstance(value, list):
            known = into.setdefault(key, [0] * len(value))
            into[key] = [a + b for a, b in zip(known, value, strict=True)]
        else:
            into[key] = into.get(key, 0) + value
