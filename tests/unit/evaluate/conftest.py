"""A small folder in AIM-500's layout, with predictions of known quality."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from aimkit.imageio import write_png
from aimkit.matting.trimap import trimap
from aimkit.types import to_uint8


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """original/, mask/, trimap/, aim_category_type.json, and pred/, whose blur grows with the image's number."""
    folder = tmp_path / "AIM"
    y, x = np.mgrid[:40, :56]
    types = {}
    for number in range(6):
        alpha = to_uint8(np.clip((14 - np.hypot(y - 20, x - 20 - number)) / 4 + 0.5, 0, 1))
        name = f"o_{number:04d}"
        write_png(folder / "original" / f"{name}.png", np.dstack([alpha, 255 - alpha, alpha]))
        write_png(folder / "mask" / f"{name}.png", alpha)
        write_png(folder / "trimap" / f"{name}.png", trimap(alpha, 8))
        write_png(folder / "pred" / f"{name}.png", np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1 + number)))
        types[name] = {"type": ("SO", "STM", "NS")[number % 3], "category": ("animal", "portrait", "plant")[number % 3]}
    (folder / "aim_category_type.json").write_text(json.dumps(types))
    return folder
