"""Renders polygons with the Blender of this machine, for tests against closed forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.imageio import decode
from aimkit.recipe import parse
from aimkit.render.blender import find_blender
from aimkit.render.models import find_models
from aimkit.render.recipe import RenderRecipe
from aimkit.render.run import render
from aimkit.render.shots import plan
from aimkit.skips import Skips

Polygon = Sequence[tuple[float, float, float]]

SIDE, SHARE = 96, 0.8

#: From above, north up.
TOP = {"elevation": 90, "azimuth": -90, "roll": 0, "share": SHARE, "focal": [50]}

#: Shines in its own colour alone, is plain grey, or black.
MATERIALS = {
    "glow": "newmtl m\nKd 0 0 0\nKs 0 0 0\nKe 0.5 0.2 0.05\nillum 1\nd {alpha}\n",
    "grey": "newmtl m\nKd 0.5 0.5 0.5\nKs 0 0 0\nillum 1\nd {alpha}\n",
    "black": "newmtl m\nKd 0 0 0\nKs 0 0 0\nillum 1\nd {alpha}\n",
}


def blender() -> list[str]:
    """The command that starts Blender; skips the test when there is none."""
    try:
        return find_blender()
    except AimkitError as error:
        pytest.skip(f"{error.what}: {error.hint}")


def disc(radius: float = 1.0, height: float = 0.0, count: int = 720) -> Polygon:
    """A level disc, in axes of which y is up."""
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [(radius * math.cos(a), height, -radius * math.sin(a)) for a in turns]


def box() -> list[Polygon]:
    """The faces of a cube, turned outwards."""
    faces = []
    for axis in range(3):
        for sign in (-1, 1):
            ring = [(-1, -1), (1, -1), (1, 1), (-1, 1)][::sign]
            faces.append([tuple(np.insert(np.array(p, float), axis, sign)) for p in ring])
            if axis == 1:
                faces[-1].reverse()
    return faces


def rendered(
    folder: Path, polygons: Sequence[Polygon], alpha: float = 1, material: str = "glow", **keys: Any
) -> np.ndarray:
    """The picture of polygons in the file's own axes (y is up), float64 in [0, 1], (H, W, 4)."""
    (folder / "m.mtl").write_text(MATERIALS[material].format(alpha=alpha))
    lines = ["mtllib m.mtl", "usemtl m"]
    for points in polygons:
        lines += [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in points]
        lines.append("f " + " ".join(str(i - len(points)) for i in range(len(points))))
    (folder / "m.obj").write_text("\n".join([*lines, ""]))
    return taken(folder, folder / "m.obj", **keys)


def taken(folder: Path, model: Path, **keys: Any) -> np.ndarray:
    """The picture of a model, float64 in [0, 1], (H, W, 4); it lies in ``folder/out/m``."""
    data = {
        "models": [{"path": str(model), "name": "m"}],
        "views": 1,
        "size": SIDE,
        "samples": 64,
        "matte_samples": 1024,
        "denoise": False,
        "exposure": 0.0,
        "view": "standard",
        "lights": [{"strength": 0}],
        "camera": TOP,
        "looks": [{"look": "imported", "glass": False}],
        **keys,
    }
    recipe = parse(RenderRecipe, data, "test")
    shots = plan(recipe, find_models(recipe.models, Skips("model")))
    outcome = render(recipe, shots, folder / "out", blender(), timeout=3600)
    assert outcome.skips.rows == []
    return decode((folder / f"out/{shots[0].id}.png").read_bytes()).pixels.astype(np.float64) / 65535
