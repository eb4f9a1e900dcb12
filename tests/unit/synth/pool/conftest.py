"""Folders of small images of every kind, and recipes that read them or a pool of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aimkit.imageio import write_png
from aimkit.recipe import parse
from aimkit.synth.pool.build import build
from aimkit.synth.pool.ingest import Drawing, Sources, ingest
from aimkit.synth.recipe import SynthRecipe


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own for every test."""
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path_factory.mktemp("home")))


def planes(seed: int, size: tuple[int, int] = (61, 84)) -> tuple[np.ndarray, np.ndarray]:
    """Random colours and a soft disc."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(y - draw.uniform(20, 40), x - draw.uniform(20, 60))
    alpha = np.clip((draw.uniform(15, 25) - distance) / 8 + 0.5, 0, 1)
    return draw.integers(0, 256, (*size, 3), np.uint8), alpha


def write_images(root: Path, names: range = range(4)) -> Path:
    """pairs/ (one matte of 16 bit), cutouts/, photos/ with mattes and backgrounds/ below ``root``."""
    for n in names:
        color, alpha = planes(n)
        eight = np.rint(alpha * 255).astype(np.uint8)
        write_png(root / f"pairs/fg/{n}.png", color)
        write_png(root / f"pairs/alpha/{n}.png", np.rint(alpha * 65535).astype(np.uint16) if n == 1 else eight)
        write_png(root / f"cutouts/{n}.png", np.dstack([planes(n + 100)[0], eight]))
        write_png(root / f"photos/original/{n}.png", planes(n + 200)[0])
        write_png(root / f"photos/mask/{n}.png", eight)
        write_png(root / f"backgrounds/{n}.png", planes(n + 300, (70, 57))[0])
    return root


def tables(root: Path, **keys: Any) -> dict[str, Any]:
    """Sources of all of those folders."""
    foregrounds = [
        {"source": "pairs", "licence": "CC0-1.0", "origin": "a test", "category": "disc"},
        {"source": "cutouts", "type": "STM", "weight": 2.0, "max_side": 48},
        {"source": "photos", "method": "blur_fusion", "repeat": 2},
    ]
    for table in foregrounds:
        table |= {"path": str(root / str(table["source"]))} | keys
    backgrounds = [{"source": "folder", "path": str(root / "backgrounds"), "name": "noise"}]
    return {"foregrounds": foregrounds, "backgrounds": backgrounds}


def pooled(data: dict[str, Any], pool: Path) -> dict[str, Any]:
    """The same tables, each read from a pool."""

    def table(old: dict[str, Any]) -> dict[str, Any]:
        kept = {name: old[name] for name in ("weight", "repeat", "split", "val_share") if name in old}
        return {"source": "pool", "path": str(pool), "sources": [old.get("name", old["source"])], **kept}

    return {role: [table(old) for old in data[role]] for role in ("foregrounds", "backgrounds")}


def recipe(data: dict[str, Any], **keys: Any) -> SynthRecipe:
    """A synth recipe over these sources."""
    placement = {"mode": "canvas", "height": 64, "width": 80, "rotation": [-20, 20], "scale": [0.5, 1.5]}
    base = {"kind": "synth", "placement": placement, "labels": {"kernel": 5}}
    made: SynthRecipe = parse(SynthRecipe, {**base, **data, **keys}, "test")
    return made


def pack(data: dict[str, Any], pool: Path, drawn: int = 0, **keys: Any) -> Any:
    """Build a pool of these tables."""
    drawing = Drawing(drawn, (48, 48)) if drawn else None
    return build(ingest(parse(Sources, data, "test"), drawing), pool, **keys)


@pytest.fixture
def pools() -> SimpleNamespace:
    """The helpers of this file."""
    return SimpleNamespace(
        planes=planes, write_images=write_images, tables=tables, pooled=pooled, recipe=recipe, pack=pack
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Images of every kind."""
    return write_images(tmp_path / "images")
