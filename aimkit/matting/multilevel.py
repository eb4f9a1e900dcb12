"""Foreground and background colours by relaxation on a pyramid of images.

After Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation" (ICPR 2020). Both layers of
I = aF + (1-a)B are sought that explain the image and are smooth, most of all where alpha changes. Levels go from one
pixel to the whole image; each starts from the colours of the one before and needs only a few sweeps.

The authors visit pixel after pixel. Here the pixels of one colour of a chessboard are visited together, for their
neighbours are all of the other colour. A level is therefore kept as four arrays, one for each parity of row and column:
the neighbours of an array's pixels are then slices of two others, and no loop over pixels has to be compiled.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from aimkit.types import Array, Float

#: Smoothness where alpha is flat, so that colours spread through areas which show only one layer.
_FLAT = np.float32(1e-5)

#: Sweeps of levels up to a side, and of larger ones.
_SMALL, _SWEEPS_SMALL, _SWEEPS = 32, 10, 2

#: Chessboard order of the arrays (parity of row, of column): the first two depend only on the last two.
_PARITIES = ((0, 0), (1, 1), (0, 1), (1, 0))

#: Sides of a tile, whose intermediate arrays stay in the processor's cache.
_TILE = (32, 256)

#: First row, last row + 1, first column, last column + 1 of each array, without its frame.
Tile = tuple[int, int, int, int]


def multilevel(image: Float, alpha: Float) -> Float:
    """Estimate the foreground colours of I = aF + (1-a)B.

    Args:
        image: RGB, float32 in [0, 1], (H, W, 3).
        alpha: Float32 in [0, 1], (H, W).

    Returns:
        RGB, float32 in [0, 1], (H, W, 3). The last level is solved only where alpha is between 0 and 1: where it is 1,
        the image is the answer, and where it is 0, there is none.
    """
    image = np.ascontiguousarray(image)
    planes: Float = np.asarray(np.stack(cv2.split(image)), np.float32)
    means = [cv2.mean(image, mask=mask.view(np.uint8))[:3] for mask in (alpha > 0.9, alpha < 0.1)]
    layers: Float = np.array(means, np.float32)[..., None, None]
    height, width = alpha.shape
    levels = max(1, math.ceil(math.log2(max(height, width))))
    for level in range(levels + 1):
        size = (round(height ** (level / levels)), round(width ** (level / levels)))
        last = level == levels
        sweeps = _SWEEPS_SMALL if max(size) <= _SMALL else _SWEEPS
        pixels, matte, solved = (_by_parity(x, size) for x in (planes, np.asarray(alpha, np.float32), layers))
        # In half a sweep, colours travel by one pixel.
        tiles = _tiles(matte, reach=2 * sweeps if last else None)
        for _ in range(sweeps):
            for parity in _PARITIES:
                for tile in tiles:
                    _relax(solved, matte, pixels, parity, tile)
                _frame(solved[parity])
        layers = _joined(solved[:, :, :1] if last else solved, size)
    return np.ascontiguousarray(layers[0].transpose(1, 2, 0))


def _by_parity(planes: Float, size: tuple[int, int]) -> Float:
    """Split (..., H, W) by parity of row and column, at another size (nearest pixels).

    Returns:
        (2, 2, ..., h/2 + 2, w/2 + 2), in a frame that repeats the edge; an odd side is first made even in the same way.
    """
    rows, columns = (_nearest(old, new) for old, new in zip(planes.shape[-2:], size, strict=True))
    split = np.empty((2, 2, *planes.shape[:-2], rows.shape[1], columns.shape[1]), np.float32)
    for row in (0, 1):
        some = planes.take(rows[row], -2, mode="clip")
        for column in (0, 1):
            some.take(columns[column], -1, out=split[row, column], mode="clip")
    return split


def _nearest(old: int, new: int) -> Array:
    """For both parities, the pixel of a side of ``old`` pixels that each pixel of a side of ``new`` takes."""
    half = -(-new // 2)
    position = 2 * np.clip(np.arange(-1, half + 1), 0, half - 1) + np.array([[0], [1]])
    return np.minimum(position, new - 1) * old // new


def _joined(split: Float, size: tuple[int, int]) -> Float:
    """Undo :func:`_by_parity`."""
    height, width = (2 * (n - 2) for n in split.shape[-2:])
    joined = np.empty((*split.shape[2:-2], height, width), np.float32)
    for row, column in _PARITIES:
        joined[..., row::2, column::2] = split[row, column][..., 1:-1, 1:-1]
    return joined[..., : size[0], : size[1]]


def _tiles(matte: Float, *, reach: int | None) -> list[Tile]:
    """All tiles of the arrays, or only those that lie within ``reach`` pixels of a partly covered one."""
    height, width = (n - 2 for n in matte.shape[2:])
    tiles = [
        (top, min(top + _TILE[0], height), left, min(left + _TILE[1], width))
        for top in range(0, height, _TILE[0])
        for left in range(0, width, _TILE[1])
    ]
    if reach is None:
        return tiles
    inside = matte[..., 1:-1, 1:-1]
    partial: Array = np.pad(np.any((inside > 0) & (inside < 1), axis=(0, 1)), reach)
    around = 2 * reach
    return [tile for tile in tiles if partial[tile[0] : tile[1] + around, tile[2] : tile[3] + around].any()]


def _relax(layers: Float, matte: Float, image: Float, parity: tuple[int, int], tile: Tile) -> None:
    """Give the pixels of a tile the colours that are best for those of their neighbours.

    With the weighted mean M of the neighbours, (aF + (1-a)B - I)^2 + sum of weights |(F, B) - M|^2 is least where M is
    corrected by its residual, shared out by alpha.
    """
    row, column = parity
    top, bottom, left, right = tile
    here = np.s_[..., top + 1 : bottom + 1, left + 1 : right + 1]
    neighbours = [
        (row, 1 - column, *np.s_[..., top + 1 : bottom + 1, left + column : right + column]),
        (row, 1 - column, *np.s_[..., top + 1 : bottom + 1, left + column + 1 : right + column + 1]),
        (1 - row, column, *np.s_[..., top + row : bottom + row, left + 1 : right + 1]),
        (1 - row, column, *np.s_[..., top + row + 1 : bottom + row + 1, left + 1 : right + 1]),
    ]
    a = matte[parity][here]
    weights = [np.abs(a - matte[view]) + _FLAT for view in neighbours]
    total = weights[0] + weights[1] + weights[2] + weights[3]
    mean = layers[neighbours[0]] * weights[0]
    term = np.empty_like(mean)
    for view, weight in zip(neighbours[1:], weights[1:], strict=True):
        mean += np.multiply(layers[view], weight, out=term)
    mean *= 1 / total
    b = 1 - a
    # In place: an array that was just written is still in the cache.
    residual = image[parity][here] - np.multiply(mean[0], a, out=term[0])
    residual -= np.multiply(mean[1], b, out=term[1])
    residual *= 1 / (a * a + b * b + total)
    mean[0] += np.multiply(residual, a, out=term[0])
    mean[1] += np.multiply(residual, b, out=term[1])
    np.clip(mean, 0, 1, out=layers[parity][here])


def _frame(planes: Float) -> None:
    """Repeat the edge in the frame, as :func:`_by_parity` does."""
    planes[..., 0, :], planes[..., -1, :] = planes[..., 1, :], planes[..., -2, :]
    planes[..., 0], planes[..., -1] = planes[..., 1], planes[..., -2]
