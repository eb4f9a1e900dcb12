"""Parity: inference exactly as the AIM reference does it, flaws included.

Sizes are floored to multiples of 32 and capped, which changes the aspect ratio. Labels are interpolated as grey levels
and count only where they are exactly 0 or 255, which leaves pinholes. Photos under 128 pixels are too small.
"""

from __future__ import annotations

import numpy as np

from aimkit.errors import AimkitError
from aimkit.predict.assemble import Result, empty, put
from aimkit.predict.network import Network
from aimkit.predict.sizes import bilinear, planes_of
from aimkit.types import Array, Float, UInt8

_MULTIPLE = 32


def hybrid(network: Network, photos: UInt8, semantic_scale: float, detail_scale: float, max_side: int) -> Result:
    """Predict as the reference's hybrid strategy does; see :class:`aimkit.predict.hybrid.Hybrid`.

    Raises:
        AimkitError: The photo is too small, or the network's detail is not the alpha of the unknown area.
    """
    if "unknown" not in network.classes or not network.fuses or network.complements:
        what = "the reference's hybrid strategy needs a network whose detail is the alpha of the unknown area"
        raise AimkitError(what, "parity", "leave out parity")
    planes, size = planes_of(photos), photos.shape[1:3]
    levels = network.labels(network(_shrunk(planes, semantic_scale, max_side)).logits)[:, None]
    detail = network(_shrunk(planes, detail_scale, max_side)).detail
    label, fine = (bilinear(plane, size, mirror=True) for plane in (levels, detail))
    decided = (label == 0) | (label == 255)
    return _result(np.where(decided, label / np.float32(255), fine), np.where(decided, label, 128), fine)


def resize(network: Network, photos: UInt8, scale: float, max_side: int) -> Result:
    """Predict as the reference's resize strategy does; see :class:`aimkit.predict.resize.Resize`.

    Raises:
        AimkitError: The photo is too small.
    """
    planes, size = planes_of(photos), photos.shape[1:3]
    maps = network(_shrunk(planes, scale, max_side))
    label = bilinear(network.labels(maps.logits)[:, None], size, mirror=True)
    label = np.where((label == 0) | (label == 255), label, 128)
    return _result(bilinear(maps.alpha, size, mirror=True), label, bilinear(maps.detail, size, mirror=True))


def reference_size(size: tuple[int, int], scale: float, max_side: int) -> tuple[int, int]:
    """Scale each side, floor it to a multiple of 32 and cap it.

    Raises:
        AimkitError: A side becomes 0.
    """
    height, width = (min(int(side * scale) // _MULTIPLE * _MULTIPLE, max_side) for side in size)
    if not height or not width:
        what = f"a photo of {size[1]}x{size[0]} pixels is too small for the reference at scale {scale:.3g}"
        raise AimkitError(what, "parity", "leave out parity, or raise the scale")
    return height, width


def _shrunk(planes: Array, scale: float, max_side: int) -> Float:
    return bilinear(planes, reference_size((planes.shape[-2], planes.shape[-1]), scale, max_side), mirror=True)


def _result(alpha: Float, label: Array, detail: Float) -> Result:
    result = empty(len(alpha), (alpha.shape[-2], alpha.shape[-1]))
    put(result, 0, alpha, label[:, 0].astype(np.uint8), detail)
    return result
