"""Photos taken inside a panorama: perspective views out of an equirectangular picture, and their development.

Directions are (x right, y down, z forward). The middle of a panorama lies straight ahead (yaw 0, pitch 0); yaw turns
right, pitch up, roll clockwise, in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aimkit.matting.composite import linear_to_srgb
from aimkit.types import Array, Float

#: Light of a mid grey, which the average of a picture becomes.
_GREY = 0.18
#: Rec. 709 luminance.
_LUMINANCE = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class CameraPose:
    """Where a camera in the middle of a panorama looks, and how much it sees.

    Attributes:
        fov: Field of view along the longer side of the picture, degrees, in (0, 180).
        yaw: Turn to the right, degrees.
        pitch: Turn upwards, degrees.
        roll: Turn clockwise about the line of sight, degrees.
    """

    fov: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


def directions(size: tuple[int, int], pose: CameraPose) -> Float:
    """The direction in which each pixel of a picture looks, not normalised: float64, (height, width, 3)."""
    height, width = size
    focal = max(size) / 2 / np.tan(np.deg2rad(pose.fov) / 2)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    rays = np.stack([x / focal, y / focal, np.ones_like(x)], axis=-1)
    yaw, pitch, roll = (np.deg2rad(angle) for angle in (pose.yaw, pose.pitch, pose.roll))
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned: Float = rays @ (about_y @ about_x @ about_z).T
    return turned


def in_panorama(rays: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Where directions meet a panorama of that (height, width): x and y in pixels whose corners are at integers."""
    height, width = size
    x, y, z = rays[..., 0], rays[..., 1], rays[..., 2]
    longitude, latitude = np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
    return (longitude / (2 * np.pi) + 0.5) * width, (latitude / np.pi + 0.5) * height


def photograph(panorama: Array, pose: CameraPose, size: tuple[int, int]) -> Float:
    """What a camera sees, bilinearly; a panorama that is finer than the picture is averaged first.

    Args:
        panorama: Equirectangular picture, uint8 or float32, (h, 2 h, 3).
        pose: The camera.
        size: (height, width) of the picture in pixels.

    Returns:
        In the units of the panorama, float32, (height, width, 3).
    """
    # Pixels of the panorama to one in the middle of the picture, where they are the most.
    finer = panorama.shape[1] / (2 * np.pi) * 2 * np.tan(np.deg2rad(pose.fov) / 2) / max(size)
    factor = max(1, int(finer))
    if factor > 1:
        reduced = (max(2, panorama.shape[1] // factor), max(1, panorama.shape[0] // factor))
        panorama = cv2.resize(panorama, reduced, interpolation=cv2.INTER_AREA)
    height, width = panorama.shape[:2]
    x, y = in_panorama(directions(size, pose), (height, width))
    # The two ends of a panorama meet.
    wide = np.concatenate([panorama[:, -1:], panorama, panorama[:, :1]], axis=1).astype(np.float32)
    maps = (x + 0.5).astype(np.float32), (y - 0.5).astype(np.float32)
    seen = cv2.remap(wide, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def develop_light(light: Float, stops: float = 0.0) -> Float:
    """Turn linear light into a picture: exposed for its average, with a shoulder for bright and a toe for dark parts.

    Args:
        light: Linear RGB from 0 up, (H, W, 3).
        stops: Exposure beyond the average, in powers of 2.

    Returns:
        sRGB, float32 in [0, 1].
    """
    luminance = light @ np.array(_LUMINANCE, np.float32)
    # The logarithmic mean: a lamp or the sun does not make the rest black.
    average = float(np.exp(np.log(np.maximum(luminance, 1e-4)).mean()))
    exposed = light * np.float32(_GREY * 2.0**stops / average)
    # A rational curve of the shape of film, through the origin, with slope 1 at a mid grey and 1 as its limit.
    shown = exposed * (2.51 * exposed + 0.03) / (exposed * (2.43 * exposed + 0.59) + 0.14)
    return linear_to_srgb(np.clip(shown, 0, 1).astype(np.float32))
