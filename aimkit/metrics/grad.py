"""The gradient error: how well a matte keeps the edges of the truth (Rhemann et al., CVPR 2009).

Both definitions filter prediction and truth with first derivatives of a Gaussian (sigma 1.4), and sum the squared
differences of the gradient magnitudes. They differ in the filter, and so in the third digit of a result:

| name | kernel | normalised so that | border | sum divided by |
|---|---|---|---|---|
| "aim" | radius 6 | the smoothing kernel sums to 1 | mirrored | 10 |
| "matlab" | radius 4 | the squares of the 2-D kernel sum to 1 | repeated | 1000 |

"aim" is what the AIM and GFM evaluations compute (a Gaussian filter of order 1); "matlab" is the evaluation code of
Xu et al. (CVPR 2017), which most trimap-based papers report. The second kernel is sigma^2 sqrt(8 pi) = 9.83 times
the first, apart from its cut tails. Its square is 96.5, so divisors of 10 and 1000 give nearly equal numbers.
"""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.metrics.planes import window_of_difference
from aimkit.registry import did_you_mean
from aimkit.types import Array, Float, to_float

SIGMA = 1.4
DEFINITIONS = ("aim", "matlab")

_RADIUS = {"aim": 6, "matlab": 4}
_DIVISOR = {"aim": 10.0, "matlab": 1000.0}
_BORDER = {"aim": cv2.BORDER_REFLECT, "matlab": cv2.BORDER_REPLICATE}


def gradient_error(prediction: Array, alpha: Array, definition: str = "aim", mask: Array | None = None) -> float:
    """Compute the gradient error.

    Args:
        prediction: Predicted alpha, uint8 or float32 in [0, 1], (H, W).
        alpha: True alpha, uint8 or float32 in [0, 1], (H, W).
        definition: Definition of the error, "aim" or "matlab".
        mask: Pixels that count, uint8, (H, W), nonzero where they do; all when None.

    Raises:
        AimkitError: The definition is unknown.
    """
    if definition not in DEFINITIONS:
        raise AimkitError(f"unknown Grad definition '{definition}'", "grad", did_you_mean(definition, DEFINITIONS))
    # Pixels within one radius of a difference count, and their filters reach one radius further.
    window = window_of_difference(prediction, alpha, 2 * _RADIUS[definition])
    if window is None:
        return 0.0
    first, second = (gradient_magnitude(plane[window], definition) for plane in (prediction, alpha))
    inside = None if mask is None else mask[window]
    return float(cv2.norm(first, second, cv2.NORM_L2SQR, inside)) / _DIVISOR[definition]  # type: ignore[arg-type]


def gradient_magnitude(plane: Array, definition: str = "aim") -> Float:
    """Compute the gradient magnitude of a matte, float32, (H, W); arguments are those of :func:`gradient_error`."""
    smooth, slope = kernels(definition)
    plane, border = to_float(plane), _BORDER[definition]
    across = cv2.sepFilter2D(plane, cv2.CV_32F, slope, smooth, borderType=border)
    down = cv2.sepFilter2D(plane, cv2.CV_32F, smooth, slope, borderType=border)
    # cv2.magnitude rounds by where its arrays lie in memory, so that equal runs would differ in the last digits.
    squares = np.multiply(across, across, out=across)
    squares += np.multiply(down, down, out=down)
    return np.asarray(np.sqrt(squares, out=squares), np.float32)


def kernels(definition: str) -> tuple[Float, Float]:
    """Return the two 1-D kernels, smoothing and derivative, whose product is the filter along one axis; float32."""
    x = np.arange(-_RADIUS[definition], _RADIUS[definition] + 1)
    smooth = np.exp(-(x**2) / (2 * SIGMA**2))
    smooth /= smooth.sum()
    slope = smooth * x / SIGMA**2
    if definition == "matlab":
        slope /= np.linalg.norm(np.outer(smooth, slope))
    return smooth.astype(np.float32), slope.astype(np.float32)
