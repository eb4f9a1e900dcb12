"""Samples from image files are those of decoded pictures, whatever part of them is decoded."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.imageio import encode_jpeg, encode_png, open_again
from aimkit.recipe import parse
from aimkit.synth.encoded_picture import EncodedPicture
from aimkit.synth.engine import Synthesizer
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.sources import folder, stored
from aimkit.synth.view import View
from aimkit.types import Array, Sample, UInt8

PLANES = ("image", "alpha", "trimap", "label", "foreground", "background")


def smooth(height: int, width: int, seed: int) -> UInt8:
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / (7 + seed + c)) * np.cos(y / (9 + c)) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def disc(height: int, width: int) -> UInt8:
    y, x = np.mgrid[:height, :width]
    return np.clip(128 + 8 * (height / 3 - np.hypot(y - height / 2, x - width / 2)), 0, 255).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    for name in ("fg", "alpha", "bg"):
        (tmp_path / name).mkdir()
    for number in range(2):
        (tmp_path / "fg" / f"{number}.png").write_bytes(encode_png(smooth(181, 250, number)))
        (tmp_path / "alpha" / f"{number}.png").write_bytes(encode_png(disc(181, 250)))
        (tmp_path / "bg" / f"{number}.jpg").write_bytes(encode_jpeg(smooth(303, 401, 5 + number), 92))
    return tmp_path


def synthesizer(photos: Path, mode: dict[str, Any], keep: int = 0) -> Synthesizer:
    table = {
        "kind": "synth",
        "seed": 1,
        "foregrounds": [{"source": "pairs", "path": str(photos), "type": "SO", "bleed": False}],
        "backgrounds": [{"source": "folder", "path": str(photos / "bg")}],
        "placement": mode,
        "labels": {"kernel": 9},
    }
    return Synthesizer(parse(SynthRecipe, table, "test"), keep)


MODES: list[dict[str, Any]] = [
    {"mode": "stretch"},
    {"mode": "canvas", "height": 120, "width": 140, "rotation": [-20, 20]},
]


def decoded_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open no file in parts: all pictures are decoded whole."""
    for module in (folder, stored):
        monkeypatch.setattr(module, "open_again", lambda data: None)


def window(offset: tuple[int, int], canvas: tuple[int, int], transition: Any) -> View:
    return View(canvas, (64, 80), offset)


def same(one: Sample, other: Sample) -> None:
    for name in PLANES:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.meta == other.meta


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
def test_exact_samples_are_those_of_decoded_pictures(
    photos: Path, mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def samples() -> list[Sample]:
        made = synthesizer(photos, mode)
        found = [made.sample(index) for index in range(2)]
        for offset in ((0, 0), (31, 43), (56, 60)):
            found += [made.window(index, partial(window, offset)) for index in range(2)]
        return found

    opened = synthesizer(photos, mode)._sources.background(0, (64, 64), stored_provenance())
    assert isinstance(opened.pixels, EncodedPicture)
    in_parts = samples()
    decoded_first(monkeypatch)
    for one, other in zip(in_parts, samples(), strict=True):
        same(one, other)


def stored_provenance() -> Any:
    from aimkit.synth.provenance import Provenance

    return Provenance()


@pytest.mark.parametrize("scale", [0.5, 0.25, 1 / 3])
def test_fast_samples_differ_by_the_decoders_own_reduction_only(
    photos: Path, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample() -> Sample:
        made = synthesizer(photos, MODES[0])
        return made.window(0, lambda canvas, _: View(canvas, (40, 44), (2, 3), scale, approximate=True))

    fast = sample()
    decoded_first(monkeypatch)
    halved = sample()
    for name in ("alpha", "trimap", "label", "foreground"):
        assert np.array_equal(getattr(fast, name), getattr(halved, name)), name
    difference = np.abs(fast.background.astype(int) - halved.background)
    assert 0 < difference.mean() < 1
    assert difference.max() < 8


@pytest.mark.parametrize("approximate", [False, True])
def test_the_cache_does_not_change_samples(photos: Path, approximate: bool) -> None:
    def samples(keep: int) -> list[Sample]:
        made = synthesizer(photos, MODES[0], keep)
        view = (40, 44), (2, 3), 0.5, approximate
        return [made.window(index, lambda canvas, _: View(canvas, *view)) for index in range(4)]

    for one, other in zip(samples(0), samples(10**8), strict=True):
        same(one, other)


def encoded(channels: int) -> tuple[EncodedPicture, ImagePyramid]:
    color = smooth(45, 51, 3)
    stored_as: Array = {1: color[..., 0], 3: color, 4: np.dstack([color, disc(45, 51)])}[channels]
    matte = disc(45, 51)
    opened, opened_matte = open_again(encode_png(stored_as)), open_again(encode_png(matte))
    assert opened is not None
    rgb = np.repeat(color[..., :1], 3, axis=2) if channels == 1 else color
    return EncodedPicture(opened, opened_matte), ImagePyramid(rgb, matte)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_parts_and_levels_are_those_of_the_decoded_picture(number: int, channels: int) -> None:
    picture, oracle = encoded(channels)
    assert (picture.size, picture.nbytes) == (oracle.size, oracle.nbytes)
    height, width = picture.extent(number)
    assert oracle.level(number)[0].shape == (height, width, 3)
    rows, columns = slice(height // 3, height), slice(width // 4, width * 3 // 4 + 1)
    for wanted in (rows, columns), (slice(0, height), slice(0, width)):
        color, alpha = picture.part(number, *wanted)
        expected = oracle.level(number)
        assert np.array_equal(color, expected[0][wanted])
        assert alpha is not None
        assert expected[1] is not None
        assert np.array_equal(alpha, expected[1][wanted])
    assert picture.outline == oracle.outline
    assert np.array_equal(picture.matte(number), oracle.matte(number))
    assert np.array_equal(picture.level(number)[0], oracle.level(number)[0])
