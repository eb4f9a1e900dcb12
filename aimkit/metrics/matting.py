"""The metrics of image matting for one image, after the evaluation of AIM-500 (Li et al., IJCAI 2021)."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.matting.trimap import BACKGROUND, FOREGROUND
from aimkit.metrics.conn import connectivity_error
from aimkit.metrics.grad import gradient_error
from aimkit.metrics.planes import equals, label_plane, matte_pair
from aimkit.types import Array, UInt8

#: Keys of the result that need a trimap.
OF_TRIMAP = ("sad_transition", "mse_transition", "mad_transition", "sad_fg", "sad_bg")
#: All keys of the result.
METRICS = ("sad", "mse", "mad", "grad", "conn", *OF_TRIMAP)
#: Keys that ``more`` adds.
MORE = ("grad_transition", "conn_transition")


def matting_metrics(
    prediction: Array,
    alpha: Array,
    trimap: Array | None = None,
    *,
    parity: bool = False,
    grad: str = "aim",
    more: bool = False,
) -> dict[str, float | None]:
    """Measure a matte. Smaller is better throughout; d is prediction - alpha.

    | key | definition |
    |---|---|
    | sad | sum of abs(d), in thousands |
    | mse, mad | mean of d^2, of abs(d) |
    | grad | see :mod:`aimkit.metrics.grad` |
    | conn | see :mod:`aimkit.metrics.conn` |
    | sad_transition | sad of the prediction after it was set to 0 and 1 where the trimap is certain |
    | mse_transition, mad_transition | mse, mad of this prediction, divided by the pixels of the transition area |
    | sad_fg, sad_bg | sad inside the foreground (255) and the background (0) of the trimap |
    | grad_transition, conn_transition | grad, conn of this prediction, over the transition area only |

    Args:
        prediction: Predicted alpha, uint8, uint16, bool or float in [0, 1], (H, W).
        alpha: True alpha, in any of these dtypes, (H, W).
        trimap: Trimap, uint8 {0, 128, 255} (or float 0, 0.5, 1), (H, W); all between 0 and 255 is unknown. None for no
            trimap.
        parity: Compute conn as the reference does: 0 for an empty prediction.
        grad: Definition of grad, "aim" or "matlab".
        more: Add grad_transition and conn_transition.

    Returns:
        A finite value for every key; without a trimap, None for the keys that need one.

    Raises:
        AimkitError: Sizes differ, a dtype is not supported, values are NaN or outside [0, 1], or the trimap has no
            transition area.
    """
    prediction, alpha = matte_pair(prediction, alpha)
    result: dict[str, float | None] = dict.fromkeys((*METRICS, *MORE) if more else METRICS)
    total, squares = _sums(prediction, alpha)
    result |= {"sad": total / 1000, "mse": squares / alpha.size, "mad": total / alpha.size}
    result["grad"] = gradient_error(prediction, alpha, grad)
    result["conn"] = connectivity_error(prediction, alpha, parity=parity)
    if trimap is None:
        return result

    trimap = label_plane(trimap, alpha)
    foreground, background = (equals(trimap, value) for value in (FOREGROUND, BACKGROUND))
    unknown = transition_area(trimap)
    pixels = cv2.countNonZero(unknown)
    if pixels == 0:
        raise AimkitError(
            "the trimap has no transition area", "trimap", "pass no trimap, or one with unknown pixels (128)"
        )
    result["sad_fg"] = _sums(prediction, alpha, foreground)[0] / 1000
    result["sad_bg"] = _sums(prediction, alpha, background)[0] / 1000
    forced = overwrite(prediction, foreground, background)
    total, squares = _sums(forced, alpha)
    result |= {"sad_transition": total / 1000, "mse_transition": squares / pixels, "mad_transition": total / pixels}
    if more:
        result["grad_transition"] = gradient_error(forced, alpha, grad, unknown)
        result["conn_transition"] = connectivity_error(forced, alpha, parity=parity, mask=unknown)
    return result


def transition_area(trimap: UInt8) -> UInt8:
    """Return where the trimap is neither 0 nor 255: 0 or 255, uint8, (H, W)."""
    return ~(equals(trimap, BACKGROUND) | equals(trimap, FOREGROUND))


def overwrite(prediction: Array, foreground: Array, background: Array) -> Array:
    """Return the prediction with 1 in the foreground and 0 in the background; masks are 0 or 255, uint8, (H, W)."""
    forced = prediction.copy()
    forced[foreground != 0] = 255 if prediction.dtype == np.uint8 else 1
    forced[background != 0] = 0
    return forced


def _sums(prediction: Array, alpha: Array, mask: Array | None = None) -> tuple[float, float]:
    """Sums of absolute and of squared differences, in units of alpha."""
    unit = 255.0 if alpha.dtype == np.uint8 else 1.0
    total = float(cv2.norm(prediction, alpha, cv2.NORM_L1, mask))  # type: ignore[arg-type]
    squares = float(cv2.norm(prediction, alpha, cv2.NORM_L2SQR, mask))  # type: ignore[arg-type]
    return total / unit, squares / unit**2
