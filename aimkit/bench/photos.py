"""Photos to time the engine on: written as image files, packed as a pool, and opened as samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.generators import background_generators, generators
from aimkit.imageio import encode_jpeg, encode_png, read_matte, read_rgb
from aimkit.recipe import parse
from aimkit.rng import rng
from aimkit.synth.engine import Synthesizer
from aimkit.synth.pool.build import build
from aimkit.synth.pool.ingest import ingest, sources_of
from aimkit.synth.recipe import SynthRecipe
from aimkit.types import Array, to_uint8

#: Short side of the photos, pixels.
SHORT = 1080

_STEPS = [
    {"step": "blur_background", "p": 0.5, "kernels": [20, 30, 40, 50, 60]},
    {"step": "shared_noise", "p": 0.5, "sigma": 10},
]
_DRAWN = (("toy", "fur", "plant", "bust"), ("interior", "forest", "city", "material"))


def write_photos(folder: Path, count: int, cutouts: Sequence[Path] = (), photos: Sequence[Path] = ()) -> None:
    """Write foregrounds (PNG) with mattes (PNG), and backgrounds (JPEG), ``SHORT`` pixels on the short side.

    Args:
        folder: Where the folders ``fg``, ``alpha`` and ``bg`` are made.
        count: Number of images in each.
        cutouts: RGBA images for foregrounds; generators draw them when empty.
        photos: Images for backgrounds; generators draw them when empty.
    """
    size = (SHORT, SHORT * 3 // 2)
    for name in ("fg", "alpha", "bg"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        if cutouts:
            path = cutouts[number % len(cutouts)]
            color, alpha = _enlarged(read_rgb(path)), _enlarged(read_matte(path))
        else:
            name = _DRAWN[0][number % 4]
            drawn = generators.get(name)
            made = drawn.value(drawn.info.params(generator=name), size, rng(number, "bench", name))
            color, alpha = to_uint8(made.color), to_uint8(made.alpha)
        if photos:
            background = _enlarged(read_rgb(photos[number % len(photos)]))
        else:
            name = _DRAWN[1][number % 4]
            scenery = background_generators.get(name)
            params = scenery.info.params(generator=name)
            background = to_uint8(scenery.value(params, size, rng(number, "bench", name)))
        (folder / "fg" / f"{number}.png").write_bytes(encode_png(color))
        (folder / "alpha" / f"{number}.png").write_bytes(encode_png(alpha))
        (folder / "bg" / f"{number}.jpg").write_bytes(encode_jpeg(background, 92))


def packed(folder: Path) -> Path:
    """Return a pool of the photos, built on first use."""
    pool = folder / "pool"
    if not pool.exists():
        for number, names in enumerate(((folder,), (folder / "bg",))):
            build(ingest(sources_of([str(name) for name in names])), pool, append=number > 0)
    return pool


def synthesizer(folder: Path, pool: Path | None = None) -> Synthesizer:
    """Return the engine on these photos, or on their pool: composites as in AIM, with its quirks corrected."""
    foregrounds = {"source": "pairs", "path": str(folder), "type": "SO", "bleed": False}
    backgrounds = {"source": "folder", "path": str(folder / "bg")}
    if pool is not None:
        foregrounds, backgrounds = {"source": "pool", "path": str(pool)}, {"source": "pool", "path": str(pool)}
    table = {
        "kind": "synth",
        "selection": "enumerate",
        "foregrounds": [foregrounds],
        "backgrounds": [backgrounds],
        "placement": {"mode": "stretch"},
        "steps": _STEPS,
        "labels": {"kernel": 30},
    }
    return Synthesizer(parse(SynthRecipe, table, "bench synth"))


def _enlarged(plane: Array) -> Array:
    height, width = plane.shape[:2]
    scale = SHORT / min(height, width)
    if plane.dtype != np.uint8:
        raise AimkitError("the benchmark needs 8-bit images")
    return cv2.resize(plane, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
