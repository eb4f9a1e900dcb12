"""How fast the metrics are, compared with the straightforward implementation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from aimkit.bench.metrics_oracle import oracle_metrics
from aimkit.matting.trimap import trimap
from aimkit.metrics.matting import matting_metrics
from aimkit.rng import rng
from aimkit.types import UInt8, to_uint8


def measure(height: int = 1080, width: int = 1920, repeats: int = 5) -> dict[str, Any]:
    """Time both implementations on one pair.

    Args:
        height: Height of the pair in pixels.
        width: Width of the pair in pixels.
        repeats: Number of runs of aimkit's metrics; the fastest counts. The slow implementations run twice.

    Returns:
        Seconds ("ours", "reference", "oracle"), ratios to "ours" ("reference_ratio", "oracle_ratio"), the largest
        relative difference of a metric ("difference"), and "opencv_threads". "reference" computes the distance maps
        that the AIM code computes and never uses; "oracle" leaves them out.

    Raises:
        AimkitError: scikit-image is not installed.
    """
    planes = pair(height, width)
    want, found = oracle_metrics(*planes), matting_metrics(*planes, parity=True)
    ours = _seconds(lambda: matting_metrics(*planes), repeats)
    reference = _seconds(lambda: oracle_metrics(*planes, distances=True), 2)
    oracle = _seconds(lambda: oracle_metrics(*planes), 2)
    return {
        "size": f"{width}x{height}",
        "ours": ours,
        "reference": reference,
        "oracle": oracle,
        "reference_ratio": reference / ours,
        "oracle_ratio": oracle / ours,
        "difference": max(abs((found[key] or 0) - want[key]) / max(abs(want[key]), 1e-9) for key in want),
        "opencv_threads": cv2.getNumThreads(),
    }


def pair(height: int, width: int) -> tuple[UInt8, UInt8, UInt8]:
    """Make a jagged blob with a soft edge: a blurred, noisy prediction, the alpha and its trimap; uint8, (H, W)."""
    y, x = np.mgrid[:height, :width]
    down, across = (y - height / 2) / (0.37 * height), (x - width / 2) / (0.31 * width)
    distance = (1 - np.hypot(down, across)) * 8 + 0.5 + 0.6 * np.sin(40 * np.arctan2(down, across))
    alpha = np.clip(distance, 0, 1)
    noise = rng(0, "bench", "metrics").normal(0, 0.05, alpha.shape) * (alpha > 0) * (alpha < 1)
    prediction = to_uint8(np.clip(cv2.GaussianBlur(alpha, (0, 0), 3) + noise, 0, 1))
    return prediction, to_uint8(alpha), trimap(to_uint8(alpha), 30)


def _seconds(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
