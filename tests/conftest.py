"""Fixtures that all tests share."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit import console

ROOT = Path(__file__).resolve().parents[1]

# Tests run in several processes; threads inside them only wait for each other. Read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _normal_verbosity() -> None:
    """A test that ran the command line with -q must not silence the next."""
    console.set_verbosity(0)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Small values recorded from the reference implementation."""
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real images and large recorded values beside the checkout; tests that need them skip without them."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no shared folder beside the checkout")
    return folder


@pytest.fixture(scope="session")
def released_keys(golden: Path) -> list[tuple[str, tuple[int, ...], str | None]]:
    """Key, shape and alias of every tensor of a released state dict."""
    text = gzip.decompress((golden / "aimnet" / "keys.json.gz").read_bytes())
    return [(key, tuple(shape), alias) for key, shape, alias in json.loads(text)]


@pytest.fixture(scope="session")
def golden_weights(released_keys: list[tuple[str, tuple[int, ...], str | None]]) -> dict[str, Any]:
    """A released state dict, aliases included, with the golden values of seed 1. Not to be changed."""
    return golden_state(released_keys, {"decoder_final_g.weight": 0.001, "decoder_final_l.weight": 0.02})


def golden_state(keys: list[tuple[str, tuple[int, ...], str | None]], scales: dict[str, float]) -> dict[str, Any]:
    """A state dict with the golden values of seed 1; aliases share their tensor."""
    weights: dict[str, Any] = {}
    for key, shape, alias in keys:
        weights[key] = weights[alias] if alias else _golden_values(key, tuple(shape), scales.get(key, 1.0))
    return weights


@pytest.fixture(scope="session")
def released(golden: Path) -> Callable[[str], dict[str, Any]]:
    """Released state dicts of GFM and P3M-Net by form, with the golden values of seed 1. Not to be changed."""
    forms = json.loads(gzip.decompress((golden / "related" / "keys.json.gz").read_bytes()))
    return lambda form: golden_state(forms[form]["keys"], forms[form]["scales"])


@pytest.fixture(scope="session")
def paper(golden_weights: dict[str, Any]) -> Any:
    """The paper's network with the golden weights, in evaluation mode. Not to be changed."""
    from aimkit.models.aimnet import AimNet
    from aimkit.models.backbones.resnet_mp import ResNet34MP
    from aimkit.models.weights import official

    model = AimNet(ResNet34MP()).eval()
    official.load_state_dict(model, golden_weights)
    return model


@cache
def _golden_values(key: str, shape: tuple[int, ...], factor: float) -> Any:
    import torch

    rng = np.random.default_rng([1, zlib.crc32(key.encode())])
    last = key.rsplit(".", 1)[1]
    if last == "num_batches_tracked":
        return torch.tensor(0)
    if last == "running_var":
        values = rng.uniform(0.5, 1.5, shape)
    elif last in ("running_mean", "bias"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = np.sqrt(2 / np.prod(shape[1:])) * rng.standard_normal(shape)
    return torch.from_numpy((values * factor).astype(np.float32))


@pytest.fixture(scope="session")
def small() -> Callable[..., Any]:
    """A known dataset that is published with a few images in each part, one of each category."""
    from aimkit.datasets.catalog import find_published

    def shrunk(name: str, count: int = 3) -> Any:
        known = find_published(name)
        parts = [
            part.model_copy(
                update={"count": len(part.categories) or count, "categories": dict.fromkeys(part.categories, 1)}
            )
            for part in known.parts
        ]
        return known.model_copy(update={"parts": tuple(parts)})

    return shrunk


@pytest.fixture(scope="session")
def publish() -> Callable[..., Path]:
    """Write a known dataset with soft discs for mattes, in a part's authors' layout or another."""
    import cv2

    def write(path: Path, pixels: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), pixels)

    def published(known: Any, root: Path, layout: int = 0, parts: tuple[str, ...] = ()) -> Path:
        draw = np.random.default_rng(0)
        y, x = np.mgrid[:72, :96]
        for part in known.parts:
            if parts and part.name not in parts:
                continue
            chosen = part.layouts[min(layout, len(part.layouts) - 1)]
            types = {}
            for i in range(part.count):
                alpha = (np.clip((14 + 1.5 * (i % 12) - np.hypot(y - 36, x - 48)) / 6, 0, 1) * 255).astype(np.uint8)
                matte = (alpha > 127).astype(np.uint8) * 255 if part.use == "saliency" else alpha
                photo = cv2.GaussianBlur(draw.integers(0, 255, (72, 96, 3), np.uint8), (9, 9), 3)
                trimap = np.where((alpha > 0) & (alpha < 255), 128, alpha).astype(np.uint8)
                planes = {"image": photo, "foreground": photo, "alpha": matte, "trimap": trimap}
                for role, pixels in planes.items():
                    folders = getattr(chosen, role)
                    if folders:
                        suffix = "jpg" if role == "image" else "png"
                        folder = root / chosen.folder / folders[i % len(folders)]
                        write(folder / f"{part.name[:1].lower()}_{i:04d}.{suffix}", pixels)
                if part.types_file:
                    names = list(part.categories)
                    types[f"{part.name[:1]}_{i:04d}"] = {"type": known.types[i % 3], "category": names[i % len(names)]}
            if part.types_file:
                (root / chosen.folder / part.types_file).write_text(json.dumps(types))
        return root

    return published
