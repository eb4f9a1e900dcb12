"""Folders that a studio offers: photos with mattes of three types, and evaluations of two predictions of them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from aimkit.evaluate.evaluation import evaluate
from aimkit.imageio import write_png
from aimkit.types import to_uint8

COUNT = 6


def write_pictures(folder: Path) -> None:
    """Six photos with mattes and types, and two predictions of each."""
    y, x = np.mgrid[:48, :64]
    types = {}
    for number in range(COUNT):
        alpha = to_uint8(np.clip((15 - np.hypot(y - 24, x - 22 - 3 * number)) / 4 + 0.5, 0, 1))
        name = f"p{number}"
        photo = np.dstack([alpha, 255 - alpha, np.full_like(alpha, 40 * number)])
        write_png(folder / "original" / f"{name}.png", photo)
        write_png(folder / "mask" / f"{name}.png", alpha)
        write_png(folder / "soft" / f"{name}.png", np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1 + number)))
        write_png(folder / "thin" / f"{name}.png", cv2.erode(alpha, np.ones((3, 3), np.uint8)))
        types[name] = {"type": ("SO", "STM", "NS")[number % 3], "category": ("toy", "net")[number % 2]}
    (folder / "types.json").write_text(json.dumps(types))


def write_broken(folder: Path) -> None:
    """A photo that is no picture, with a matte."""
    (folder / "original/broken.png").write_bytes(b"no picture")
    write_png(folder / "mask/broken.png", np.zeros((4, 4), np.uint8))


def write_results(folder: Path) -> None:
    """An evaluation of two predictions of such photos, and results that are cut short."""
    write_pictures(folder / "photos")
    for name in ("soft", "thin"):
        evaluate(
            "aim500",
            ['data.kind="folder"'],
            predictions=folder / "photos" / name,
            truth=folder / "photos",
            name=f"<b>{name}</b>",
            out=folder / name,
            report=False,
        )
    (folder / "damaged").mkdir()
    (folder / "damaged/results.json").write_bytes((folder / "soft/results.json").read_bytes()[:200])
