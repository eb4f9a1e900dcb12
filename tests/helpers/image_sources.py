"""Small images on disk, and the sources that read them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from aimkit.imageio import write_png
from aimkit.recipe import named
from aimkit.synth.source import background_sources, foreground_sources


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A cache of its own for every test."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("AIMKIT_HOME", str(folder))
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    return folder


def planes(seed: int, size: tuple[int, int] = (48, 40)):
    """Random smooth colours, and a soft disc of random place and size."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height * rng.uniform(0.4, 0.6), x - width * rng.uniform(0.4, 0.6))
    alpha = np.clip((rng.uniform(0.2, 0.35) * min(size) - distance) / 4 + 0.5, 0, 1)
    slopes, base = rng.uniform(-2, 2, (3, 2)), rng.uniform(80, 175, 3)
    color = np.clip(base + np.stack([a * (y - height / 2) + b * (x - width / 2) for a, b in slopes], -1), 0, 255)
    return color.astype(np.uint8), np.rint(alpha * 255).astype(np.uint8)


@pytest.fixture
def make():
    """Writes test images: pairs(root, names), cutouts(root, names)."""

    def pairs(root, names, folders=("fg", "alpha")):
        for seed, name in enumerate(names):
            color, alpha = planes(seed)
            write_png(root / folders[0] / f"{name}.png", color)
            write_png(root / folders[1] / f"{name}.png", alpha)
        return root

    def cutouts(root, names):
        for seed, name in enumerate(names):
            write_png(root / f"{name}.png", np.dstack(planes(seed)))
        return root

    return SimpleNamespace(pairs=pairs, cutouts=cutouts, planes=planes)


@pytest.fixture
def open_source():
    """Opens the foreground (or background) source of a recipe table."""

    def open_(ground="foreground", /, **table):
        registry = foreground_sources if ground == "foreground" else background_sources
        return registry.create(table["source"], named(registry, "source")(table))

    return open_
