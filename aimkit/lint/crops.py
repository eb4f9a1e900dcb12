"""Finding pictures that are crops of others: matching corners vote for pairs, and aligned pictures decide.

Corners are ORB's (Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011). Corners whose descriptors
share a run of bits meet in a table, so the time grows with the number of pictures, not of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from aimkit.types import Array, UInt8

#: Corners of a picture, and the factor between the sizes at which they are searched.
_CORNERS, _STEP = 64, 1.2
#: Pixels of the shorter side below which no corners are searched.
_NARROWEST = 48
#: Bytes of a descriptor that have to be equal, and the neighbours in the sorted table that are compared.
_RUN, _NEIGHBOURS = 3, 5
#: Bits of two descriptors that may differ, and degrees by which their corners may be turned.
_BITS, _TURN = 48, 15
#: Pixels within which the positions of matching corners have to agree, and the number that has to.
_CELL, _VOTES = 60, 2
#: Correlation of the aligned pictures, the share of the smaller one that they have in common, and its contrast.
_SAME, _COMMON, _CONTRAST = 0.95, 0.8, 8


@dataclass(frozen=True)
class LintCorners:
    """The corners of a picture.

    Attributes:
        places: x, y, angle in degrees and octave of every corner, float32, (N, 4).
        bits: Their descriptors, uint8, (N, 32).
        plane: The picture, reduced by half, uint8, (H, W).
    """

    places: Array
    bits: UInt8
    plane: UInt8


def corners(grey: UInt8) -> LintCorners:
    """Find the corners of a reduced picture, luminance, (H, W)."""
    orb: Any = cv2.ORB_create(  # type: ignore[attr-defined]
        nfeatures=_CORNERS, scaleFactor=_STEP, nlevels=10, edgeThreshold=12, patchSize=24, fastThreshold=8
    )
    # The smaller sizes of a narrow picture would have no pixels left.
    points, bits = orb.detectAndCompute(grey, None) if min(grey.shape) >= _NARROWEST else ((), None)
    half = (max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2))
    plane = np.asarray(cv2.resize(grey, half, interpolation=cv2.INTER_AREA), np.uint8)
    if bits is None:
        return LintCorners(np.zeros((0, 4), np.float32), np.zeros((0, 32), np.uint8), plane)
    places = np.array([(*one.pt, one.angle, one.octave) for one in points], np.float32)
    return LintCorners(places, np.asarray(bits, np.uint8), plane)


def crops(pictures: Sequence[LintCorners | None]) -> list[tuple[int, int]]:
    """Find the pairs of which one picture is a crop of the other, or both are crops of a third.

    Crops of other sizes and formats are found, mirrored and turned ones are not.

    Args:
        pictures: Corners of every picture; None for those to leave out.

    Returns:
        Positions of the two pictures, sorted.
    """
    known = [(position, one) for position, one in enumerate(pictures) if one is not None and len(one.bits)]
    found = []
    for i, j in _candidates([one for _, one in known]):
        (a, first), (b, second) = known[i], known[j]
        if _is_same(first, second):
            found.append((a, b))
    return sorted(found)


def _candidates(pictures: Sequence[LintCorners]) -> list[tuple[int, int]]:
    """Pairs with matching corners that lie in the same arrangement."""
    if len(pictures) < 2:
        return []
    owner = np.repeat(np.arange(len(pictures)), [len(one.bits) for one in pictures])
    x, y = _matches(np.concatenate([one.bits for one in pictures]), owner, np.concatenate([p.places for p in pictures]))
    places = np.concatenate([one.places for one in pictures])
    octaves = places[y, 3] - places[x, 3]
    # Where the first picture's corner of coordinates 0 lies in the second one.
    origin = places[y, :2] - _STEP ** octaves[:, None] * places[x, :2]
    pairs = owner[x] * len(pictures) + owner[y]
    chosen: set[int] = set()
    for shift in (0, 0.5):
        cells = np.floor(origin / _CELL + shift)
        votes = np.column_stack([pairs, octaves, cells]).astype(np.int64)
        agreed, count = np.unique(votes, axis=0, return_counts=True)
        chosen.update(agreed[count >= _VOTES, 0].tolist())
    return [divmod(pair, len(pictures)) for pair in sorted(chosen)]


def _matches(bits: UInt8, owner: Array, places: Array) -> tuple[Array, Array]:
    """Corners of two pictures with nearly the same descriptor, the earlier picture's first."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, bits.shape[1] - _RUN + 1, _RUN):
        run = bits[:, start : start + _RUN].astype(np.int64) @ (256 ** np.arange(_RUN))
        order = np.argsort(run, kind="stable")
        for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            x, y = order[:-step], order[step:]
            kept = (run[x] == run[y]) & (owner[x] != owner[y])
            x, y = x[kept], y[kept]
            turn = np.abs((places[x, 2] - places[y, 2] + 180) % 360 - 180)
            x, y = x[turn < _TURN], y[turn < _TURN]
            different = np.unpackbits(bits[x] ^ bits[y], axis=1).sum(axis=1)
            x, y = x[different < _BITS], y[different < _BITS]
            found.append(np.minimum(x, y) * len(bits) + np.maximum(x, y))
    both = np.unique(np.concatenate(found))
    return both // len(bits), both % len(bits)


def _is_same(first: LintCorners, second: LintCorners) -> bool:
    """Whether two pictures show the same where they are aligned by their corners."""
    distance = np.unpackbits(first.bits[:, None] ^ second.bits[None], axis=2).sum(axis=2)
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(nearest))
    kept = (distance[rows, nearest] < _BITS + 8) & (distance.argmin(axis=0)[nearest] == rows)
    if kept.sum() < 5:
        return False
    there = np.ascontiguousarray(first.places[kept, :2])
    here = np.ascontiguousarray(second.places[nearest[kept], :2])
    matrix, agreed = cv2.estimateAffinePartial2D(there, here, method=cv2.RANSAC, ransacReprojThreshold=3)
    if matrix is None or int(agreed.sum()) < 5:
        return False
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if not 0.2 < scale < 5 or abs(matrix[1, 0]) > 0.04 * scale:
        return False
    # From coordinates of pixels' centres in the whole pictures to those in the halved ones.
    matrix[:, 2] = (matrix[:, 2] + 0.5 * (matrix[:, :2].sum(axis=1) - 1)) / 2
    size = second.plane.shape[1::-1]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    moved = cv2.warpAffine(first.plane, matrix, size, flags=way)
    common = cv2.warpAffine(np.full(first.plane.shape, 255, np.uint8), matrix, size) == 255
    if common.sum() < _COMMON * min(second.plane.size, first.plane.size * scale**2):
        return False
    one, other = (cv2.GaussianBlur(plane, (0, 0), 1)[common].astype(np.float32) for plane in (moved, second.plane))
    if other.std() < _CONTRAST:
        return False
    one, other = one - one.mean(), other - other.mean()
    return bool((one * other).sum() > _SAME * np.linalg.norm(one) * np.linalg.norm(other))
