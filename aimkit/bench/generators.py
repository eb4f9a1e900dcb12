"""How long the generators take to draw."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from aimkit.generators import background_generators, generators
from aimkit.rng import rng


def time_generators(
    pattern: str = "*", size: int = 1024, repeats: int = 3, tell: Callable[[str], None] = lambda name: None
) -> list[dict[str, Any]]:
    """Time foreground and background generators: processor time, so that a busy machine counts little.

    Args:
        pattern: Shell pattern for the generators' names.
        size: Height and width in pixels.
        repeats: Number of runs, each with a seed of its own, after one run that is not counted.
        tell: Called with each name before it is timed.

    Returns:
        Rows with the name, the type, and the median and the longest time in milliseconds.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [_time(entry, size, repeats, tell) for entry in _entries(pattern)]
    finally:
        cv2.setNumThreads(threads)


def _entries(pattern: str) -> list[Any]:
    return [registry.get(name) for registry in (generators, background_generators) for name in registry.list(pattern)]


def _time(entry: Any, size: int, repeats: int, tell: Callable[[str], None]) -> dict[str, Any]:
    tell(entry.name)
    params = entry.info.params(generator=entry.name)
    spent = []
    for repeat in range(repeats + 1):
        start = time.process_time()
        entry.value(params, (size, size), rng(repeat, "bench", entry.name))
        spent.append(1000 * (time.process_time() - start))
    kind = getattr(entry.info, "type", None)
    return {
        "name": entry.name,
        "type": str(kind) if kind else "background",
        "ms": round(float(statistics.median(spent[1:])), 1),
        "worst": round(float(np.max(spent[1:])), 1),
    }
