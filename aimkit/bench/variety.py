"""How varied a set of foregrounds is, and how its mattes are distributed, for generators and for real cut-outs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.generators import generators, shading
from aimkit.imageio import read_rgba
from aimkit.rng import rng
from aimkit.types import Array, Float, Foreground, to_float

#: Longer side at which foregrounds are measured, so that widths compare.
_SIDE = 256


@dataclass(frozen=True)
class Variety:
    """How varied a set of foregrounds is.

    Attributes:
        count: Number of foregrounds that were measured.
        distance: Mean distance of the features of two foregrounds: the root mean square over shape (alpha on an
            8 x 8 grid), colour (OKLab mean and deviation inside) and texture (gradient energy in three bands).
        solid: Mean share of pixels with alpha 1.
        partial: Mean share of pixels with alpha strictly between 0 and 1 (1.5 % off both ends).
        transition: Median over the set of the mean width of the partial band, in thousandths of the longer side:
            its area over the length of the outline.
        spread: 10th and 90th percentile of ``partial``.
    """

    count: int
    distance: float
    solid: float
    partial: float
    transition: float
    spread: tuple[float, float]

    def plain(self) -> dict[str, object]:
        """Return the fields as plain JSON values."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}


def of_generator(name: str, count: int = 24, size: int = _SIDE, seed: int = 0) -> Variety:
    """Measure what a generator draws with its default parameters on square frames."""
    entry = generators.get(name)
    params = entry.info.params(generator=name)
    return measure(entry.value(params, (size, size), rng(seed, "variety", name, i)) for i in range(count))


def of_folder(folder: str | os.PathLike[str], limit: int = 200) -> Variety:
    """Measure cut-outs: the PNG, WebP and TIFF images below a folder.

    Args:
        folder: The folder; its subfolders are searched too.
        limit: About the largest number of images to measure, evenly spaced over all.

    Raises:
        AimkitError: The folder has no such images.
    """
    found = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in {".png", ".webp", ".tif", ".tiff"})
    step = max(len(found) // limit, 1)
    if not found:
        raise AimkitError("no cut-outs found", str(folder), "name a folder of PNG, WebP or TIFF images with alpha")
    return measure(_read(path) for path in found[::step])


def measure(foregrounds: Iterable[Foreground | tuple[Array, Float]]) -> Variety:
    """Measure foregrounds one at a time; only their features stay in memory.

    Args:
        foregrounds: Foregrounds, or pairs of colour and alpha.

    Raises:
        AimkitError: There are no foregrounds.
    """
    features, solid, partial, widths = [], [], [], []
    for foreground in foregrounds:
        if isinstance(foreground, Foreground):
            color, alpha = foreground.color, foreground.alpha
        else:
            color, alpha = to_float(foreground[0]), foreground[1]
        color, alpha = _small(color, alpha)
        features.append(_features(color, alpha))
        band = (alpha > 0.015) & (alpha < 0.985)
        solid.append(float((alpha >= 0.985).mean()))
        partial.append(float(band.mean()))
        widths.append(1000 * _width(alpha, band) / max(alpha.shape))
    if not features:
        raise AimkitError("no foregrounds to measure")
    low, high = np.percentile(partial, [10, 90])
    return Variety(
        len(features), _mean_distance(np.array(features)), float(np.mean(solid)), float(np.mean(partial)),
        float(np.median(widths)), (float(low), float(high)),
    )  # fmt: skip


def _features(color: Float, alpha: Float) -> Float:
    """Shape, colour and texture, each scaled so that a set of photos varies by about one."""
    shape = cv2.resize(alpha, (8, 8), interpolation=cv2.INTER_AREA).ravel() / 0.35
    lab, weight = shading.to_oklab(color).reshape(-1, 3), alpha.ravel()
    total = max(float(weight.sum()), 1e-6)
    mean = (lab * weight[:, None]).sum(axis=0) / total
    deviation = np.sqrt((weight[:, None] * (lab - mean) ** 2).sum(axis=0) / total)
    tone = np.concatenate([mean, deviation]) / np.array([0.2, 0.05, 0.05, 0.1, 0.02, 0.02])
    light = shading.to_oklab(color)[..., 0] * alpha
    energy = []
    for sigma in (1.0, 2.5, 6.0):
        fine = light - cv2.GaussianBlur(light, (0, 0), sigma)
        energy.append(np.log(1e-4 + float((fine**2 * alpha).sum()) / total) / 1.0)
    # Each of the three kinds of features weighs the same.
    parts = (shape, tone, np.array(energy))
    return np.concatenate([part / np.sqrt(3 * len(part)) for part in parts]).astype(np.float32)


def _mean_distance(features: Float) -> float:
    if len(features) < 2:
        return 0.0
    gaps = np.linalg.norm(features[:, None] - features[None], axis=2)
    return float(gaps.sum() / (len(features) * (len(features) - 1)))


def _width(alpha: Float, band: Array) -> float:
    """Mean width of the partial band: its area over the length of the line where alpha crosses one half."""
    inside = alpha > 0.5
    line = np.count_nonzero(inside[:, 1:] != inside[:, :-1]) + np.count_nonzero(inside[1:] != inside[:-1])
    # Counting crossings along rows and columns measures a line of any direction too long by 4 / pi.
    return float(band.sum()) / max(line * np.pi / 4, 1.0)


def _small(color: Float, alpha: Float) -> tuple[Float, Float]:
    factor = _SIDE / max(alpha.shape)
    if factor >= 1:
        return color, alpha
    size = (max(round(alpha.shape[1] * factor), 8), max(round(alpha.shape[0] * factor), 8))
    weighted = cv2.resize(color * alpha[..., None], size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    return np.asarray(weighted / np.maximum(share[..., None], 1e-4), np.float32).clip(0, 1), np.asarray(
        share, np.float32
    )


def _read(path: Path) -> tuple[Array, Float]:
    color, alpha = read_rgba(path)
    return color, to_float(alpha)
