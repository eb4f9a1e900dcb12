"""A photo as the light around a model, so that the cut-out is lit as if it had stood in the photo."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from aimkit.imageio import read_rgb, write_png
from aimkit.types import Float, UInt8

#: Suffixes of panoramas with the whole range of light; other pictures are photos.
PANORAMAS = (".hdr", ".exr")
#: Suffixes of photos.
PHOTOS = (".jpg", ".jpeg", ".png", ".webp")

#: Height of a panorama in pixels; what it lights sees no more after the blur.
_HEIGHT = 128
#: Standard deviation of the blur in shares of the height.
_BLUR = 0.06
#: Stops of light that a photo does not tell of: skies and lamps are clipped to white, and what is above is not on it.
_LOST = 1.6


def surroundings(photo: UInt8) -> UInt8:
    """A blurred panorama (equirectangular) of a photo: the photo behind the model, and its mirror image in front.

    Args:
        photo: RGB, (H, W, 3).

    Returns:
        RGB, (128, 256, 3): the photo is its left half; its left and right ends meet.
    """
    half: Float = cv2.resize(_linear(photo), (_HEIGHT, _HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
    whole = np.concatenate([half, half[:, ::-1]], axis=1)
    sigma = _BLUR * _HEIGHT
    pad = int(4 * sigma)
    around = cv2.copyMakeBorder(whole, 0, 0, pad, pad, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(around, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[:, pad:-pad]
    shown = np.where(soft <= 0.0031308, soft * 12.92, 1.055 * np.maximum(soft, 1e-6) ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(np.clip(shown, 0, 1) * 255), np.uint8)


def photo_stops(gain: float) -> float:
    """Exposure, in stops, that shows a model as bright as its photo would.

    Args:
        gain: What the photo's light was multiplied by for the model.
    """
    return _LOST - math.log2(max(gain, 1e-6))


def light_file(file: Path, folder: Path) -> Path:
    """The file that Blender lights with: a panorama as it is, a photo as its :func:`surroundings` in the folder.

    Raises:
        AimkitError: The photo can't be read.
    """
    if file.suffix.lower() in PANORAMAS:
        return file
    target = folder / "surroundings.png"
    write_png(target, surroundings(read_rgb(file)))
    return target


def _linear(photo: UInt8) -> Float:
    levels = np.arange(256) / 255
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(table[photo], np.float32)
