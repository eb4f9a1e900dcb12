"""Training samples as loaders commonly make them, to measure the engine against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from aimkit.rng import rng
from aimkit.types import Array

#: Sides of the crops, pixels, and of what comes out of them.
CROPS, SIZE = (320, 640, 960), 320


def usual_sample(foregrounds: Sequence[Path], backgrounds: Sequence[Path], index: int) -> list[Array]:
    """A sample as loaders commonly make it: everything is decoded and composited whole, then cropped and resized.

    The steps are those of AIM's loader (stretched background, box blur, one noise on three planes, dilated trimap,
    crop of 320, 640 or 960 that holds a pixel of the transition area), written with NumPy and OpenCV in the plain way.
    """
    draw = rng(0, "usual", index)
    path = foregrounds[index % len(foregrounds)]
    foreground = np.asarray(cv2.imread(str(path)), np.float64)
    alpha = cv2.imread(str(path.parent.parent / "alpha" / path.name), cv2.IMREAD_GRAYSCALE)
    background = cv2.imread(str(backgrounds[int(draw.integers(len(backgrounds)))]))
    assert alpha is not None
    assert background is not None
    height, width = alpha.shape
    background = cv2.resize(background, (width, height), interpolation=cv2.INTER_LINEAR)
    if draw.random() < 0.5:
        side = int(draw.choice([20, 30, 40, 50, 60]))
        background = cv2.blur(background, (side, side))
    weight = alpha[..., None] / 255
    image = weight * foreground + (1 - weight) * background
    planes = [image, foreground, np.asarray(background, np.float64)]
    if draw.random() < 0.5:
        noise = draw.normal(0, 10, image.shape)
        planes = [plane + noise for plane in planes]
    colors = [np.clip(plane, 0, 255).astype(np.uint8) for plane in planes]
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (30, 30))
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[cv2.dilate((alpha > 0).astype(np.uint8), ellipse) == 0] = 0
    trimap[cv2.erode((alpha == 255).astype(np.uint8), ellipse) == 1] = 255
    side, (rows, columns) = int(draw.choice(CROPS)), np.where(trimap == 128)
    place = int(draw.integers(len(rows)))
    top, left = min(int(rows[place]), height - side), min(int(columns[place]), width - side)
    cut = [plane[top : top + side, left : left + side] for plane in (*colors, alpha, trimap)]
    resized = [cv2.resize(plane, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for plane in cut]
    return [plane[:, ::-1] for plane in resized] if draw.random() < 0.5 else resized
