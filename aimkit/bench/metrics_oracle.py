"""A second implementation of the metrics, for tests and benchmarks to compare with.

It follows the definitions step by step with SciPy and scikit-image, and is slow on purpose. ``pip install aimkit[dev]``
installs scikit-image.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.types import Array, UInt8


def oracle_metrics(
    prediction: UInt8, alpha: UInt8, trimap: UInt8, *, parity: bool = True, distances: bool = False
) -> dict[str, float]:
    """Compute the ten metrics of one image.

    Args:
        prediction: Predicted alpha, uint8, (H, W).
        alpha: True alpha, uint8, (H, W).
        trimap: Labels {0, 128, 255}, uint8, (H, W).
        parity: Skip thresholds without overlap, as the reference does.
        distances: Compute the distance maps that the reference computes for Conn and never uses. Only the time changes.

    Returns:
        The metrics by name.

    Raises:
        AimkitError: scikit-image is not installed.
    """
    p, a = prediction / 255.0, alpha / 255.0
    d = np.abs(p - a)
    forced = np.where(trimap == 255, 1.0, np.where(trimap == 0, 0.0, p))
    f = np.abs(forced - a)
    unknown = (trimap == 128).sum() or ((trimap != 0) & (trimap != 255)).sum()
    return {
        "sad": float(d.sum() / 1000),
        "mse": float((d**2).mean()),
        "mad": float(d.mean()),
        "grad": grad(p, a),
        "conn": conn(p, a, parity=parity, distances=distances),
        "sad_transition": float(f.sum() / 1000),
        "mse_transition": float((f**2).sum() / unknown),
        "mad_transition": float(f.sum() / unknown),
        "sad_fg": float(d[trimap == 255].sum() / 1000),
        "sad_bg": float(d[trimap == 0].sum() / 1000),
    }


def grad(p: Array, a: Array) -> float:
    """Gradient error by the "aim" definition; p and a are floats in [0, 1], (H, W)."""
    from scipy.ndimage import gaussian_filter

    def magnitude(plane: Array) -> Array:
        x = gaussian_filter(plane, 1.4, order=[0, 1], output=np.float32)
        y = gaussian_filter(plane, 1.4, order=[1, 0], output=np.float32)
        return np.sqrt(x**2 + y**2)

    return float(((magnitude(p) - magnitude(a)) ** 2).sum() / 10)


def grad_matlab(p: Array, a: Array) -> float:
    """Gradient error by the "matlab" definition; p and a are floats in [0, 1], (H, W)."""
    from scipy.ndimage import convolve

    x = np.arange(-4, 5)
    bell = np.exp(-(x**2) / (2 * 1.4**2))
    kernel = np.outer(bell, -x * bell)
    kernel /= np.sqrt((kernel**2).sum())

    def magnitude(plane: Array) -> Array:
        return np.hypot(convolve(plane, kernel, mode="nearest"), convolve(plane, kernel.T, mode="nearest"))

    return float(((magnitude(p) - magnitude(a)) ** 2).sum() / 1000)


def conn(p: Array, a: Array, *, parity: bool = True, distances: bool = False) -> float:
    """Connectivity error; p and a are floats in [0, 1], (H, W)."""
    measure, edt = _tools()
    thresholds = np.arange(11) * 0.1
    level = np.full(p.shape, -1.0)
    for before, threshold in pairwise(thresholds):
        region = (p >= threshold) & (a >= threshold)
        parts = measure.regionprops(measure.label(region, connectivity=1))
        source = np.zeros(p.shape, bool)
        if parts:
            largest = parts[int(np.argmax([part.area for part in parts]))]
            source[largest.coords[:, 0], largest.coords[:, 1]] = True
        elif parity:
            continue
        level[(level == -1) & ~source] = before
        if distances:
            far = edt(~source)
            far /= far.max() or 1
    level[level == -1] = 1

    def phi(plane: Array) -> Array:
        distance = plane - level
        return 1 - distance * (distance >= 0.15)

    return float(np.abs(phi(p) - phi(a)).sum() / 1000)


def _tools() -> tuple[Any, Any]:
    try:
        from skimage import measure
    except ImportError:
        raise AimkitError(
            "scikit-image is not installed", "import skimage", "pip install scikit-image", exit_code=1
        ) from None
    from scipy.ndimage import distance_transform_edt

    return measure, distance_transform_edt
