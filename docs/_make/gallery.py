"""Draw the pictures of the gallery: ``python docs/_make/gallery.py [NAME...]`` writes ``docs/gallery/NAME.jpg``.

Everything is drawn by aimkit but the photo of ``strategies``: an astronaut (NASA, public domain), from scikit-image.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import aimkit
from aimkit.datasets.inspect.canvas import checkerboard, grid, tile, wall
from aimkit.generators import background_generators
from aimkit.matting.composite import composite
from aimkit.matting.trimap import SCHEDULES, make_trimap
from aimkit.rng import rng
from aimkit.synth.steps import steps
from aimkit.types import Sample, UInt8, to_uint8

OUT = Path(__file__).parents[1] / "gallery"
WIDTH, HEIGHT = 200, 150

#: Keys that make a step visible at the size of a tile; the other steps are shown with their defaults.
STRONG = {
    "affine": "rotation=[25, 30]",
    "contrast": "contrast=[1.5, 1.6]",
    "defocus": "radius=[12, 14]",
    "jpeg": "quality=[8, 10]",
    "light_wrap": "width=[18, 20]",
    "motion_blur": "length=[50, 60]",
    "webp": "quality=[5, 8]",
}


def types() -> UInt8:
    """A sample of each image type with its labels."""
    rows = []
    for name, index in (("so", 3), ("stm", 2), ("ns", 1)):
        sample = drawn(f"procedural-{name}", index)
        planes = (sample.image, colour(sample.alpha), colour(sample.trimap), colour(sample.label))
        rows.append((name.upper(), [tile(plane, WIDTH, HEIGHT) for plane in planes]))
    return grid(["composite", "alpha", "trimap", "generalized trimap"], rows)


def backgrounds() -> UInt8:
    """Two draws of each procedural background."""
    pictures = []
    for entry in background_generators:
        for variant in range(2):
            params = entry.info.params(generator=entry.name)
            color = entry.value(params, (300, 400), rng(0, "docs", entry.name, variant))
            pictures.append((entry.name, tile(to_uint8(color), WIDTH, HEIGHT)))
    return wall(pictures, 6)


def compositing_steps() -> UInt8:
    """One sample without a step, and with each step alone."""
    pictures = [("no step", tile(stepped("").image, WIDTH, HEIGHT))]
    pictures += [(name, tile(stepped(name).image, WIDTH, HEIGHT)) for name in steps.list()]
    return wall(pictures, 5)


def distractors() -> UInt8:
    """Samples without distractors, with them, and with depth of field besides."""
    rows = []
    several = "distractors={p = 1.0, count = 4, distance = [1.3, 3.0], light = [0.8, 1.0]}"
    blurred = "focus={p = 1.0, radius = 30, background = 6}"
    placed = ("placement.scale=[0.5, 0.7]", "placement.foot=[0.85, 0.95]")
    for index in (1, 4, 5):
        samples = [drawn("procedural-so", index, *placed, *more) for more in ((), (several,), (several, blurred))]
        planes = [*(sample.image for sample in samples), colour(samples[2].alpha)]
        rows.append((f"sample {index}", [tile(plane, WIDTH, HEIGHT) for plane in planes]))
    return grid(["no distractors", "distractors", "and depth of field", "alpha of all three"], rows)


def trimaps() -> UInt8:
    """Trimaps of one matte: kernels and schedules."""
    alpha = drawn("procedural-so", 3).alpha
    pictures = [("alpha", colour(alpha))]
    pictures += [(f"fixed, kernel {kernel}", colour(make_trimap(alpha, "fixed", kernel))) for kernel in (10, 30, 60)]
    pictures += [("distance, kernel 60", colour(make_trimap(alpha, SCHEDULES[2], 60)))]
    return wall([(text, tile(picture, WIDTH, HEIGHT)) for text, picture in pictures], 5)


def strategies() -> UInt8:
    """One photo predicted by each strategy with the bundled weights, and by two baselines."""
    from skimage.data import astronaut

    from aimkit.evaluate.baselines import baselines

    photo = astronaut()
    pictures = [("photo", photo)]
    options = {
        "hybrid": {},
        "resize": {},
        "whole": {},
        "tiled": {"tile": 256},
        "refined": {"detail_side": 256, "window": 256},
    }
    for name, chosen in options.items():
        alpha = aimkit.Predictor.load("default", name, foreground=False, **chosen)(photo).alpha
        pictures.append((name, cut(photo, to_uint8(alpha))))
    for name in ("otsu", "closed-form"):
        entry = baselines.get(name)
        pictures.append((f"baseline {name}", cut(photo, to_uint8(entry.value(None)(photo)))))
    return wall([(text, tile(picture, 170, 170)) for text, picture in pictures], 8)


def drawn(recipe: str, index: int, *overrides: str) -> Sample:
    """A sample of a recipe, 400 x 300."""
    size = ("placement.height=300", "placement.width=400")
    return aimkit.Synthesizer(aimkit.load_recipe(recipe, [*size, *overrides], kind="synth"))[index]


def stepped(name: str) -> Sample:
    """A sample with one step, or none."""
    strong = STRONG.get(name)
    table = f'[{{step="{name}"{", " + strong if strong else ""}}}]' if name else "[]"
    return drawn("procedural-so", 3, f"steps={table}")


def colour(plane: UInt8) -> UInt8:
    """A grey plane as RGB."""
    return np.dstack([plane] * 3)


def cut(photo: UInt8, alpha: UInt8) -> UInt8:
    """A cut-out on a checkerboard."""
    return composite(photo, alpha, checkerboard(*alpha.shape))


PICTURES: dict[str, Callable[[], UInt8]] = {
    "types": types,
    "backgrounds": backgrounds,
    "steps": compositing_steps,
    "distractors": distractors,
    "trimaps": trimaps,
    "strategies": strategies,
}


def main(names: list[str]) -> None:
    """Draw the pictures named, or all."""
    OUT.mkdir(exist_ok=True)
    for name in names or PICTURES:
        path = OUT / f"{name}.jpg"
        Image.fromarray(PICTURES[name]()).save(path, quality=82, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
