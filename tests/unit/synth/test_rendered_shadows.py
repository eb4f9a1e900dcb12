"""Shadow layers of cut-outs: they fall where their cut-outs stand, from folders and from pools alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.imageio import write_png
from aimkit.recipe import parse
from aimkit.synth.engine import Synthesizer
from aimkit.synth.pool.build import build
from aimkit.synth.pool.check import facts, verify
from aimkit.synth.pool.index import read_index
from aimkit.synth.pool.ingest import Sources, ingest
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.view import View
from aimkit.types import Sample

SHADOW = [{"step": "shadow"}]
LAYER = ".passes/sub/thing.shadow.png"


def blob(height: int = 60, width: int = 44) -> np.ndarray:
    """A soft shape without symmetry, uint8, (height, width)."""
    y, x = np.mgrid[:height, :width].astype(float)
    body = 16 - np.hypot(y - 34, (x - 20) * 1.3) + 7 * (np.hypot(y - 20, x - 30) < 8)
    return np.asarray(np.clip(body / 6, 0, 1) * 255).round().astype(np.uint8)


def folder(root: Path, layer: np.ndarray | None) -> Path:
    """One cut-out, with a shadow layer or without, and a white background."""
    alpha = blob()
    write_png(root / "cut/sub/thing.png", np.dstack([np.full((*alpha.shape, 3), 90, np.uint8), alpha]))
    if layer is not None:
        write_png(root / "cut" / LAYER, layer)
    write_png(root / "bg/white.png", np.full((80, 100, 3), 255, np.uint8))
    return root


def recipe(root: Path, cut: dict[str, Any] | None = None, **keys: Any) -> SynthRecipe:
    table = {"source": "cutouts", "path": str(root / "cut"), "type": "SO"} if cut is None else cut
    placement = {"mode": "canvas", "height": 96, "width": 120, "scale": [0.4, 1.2], "rotation": [-40, 40]}
    data = {
        "kind": "synth",
        "count": 6,
        "foregrounds": [table],
        "backgrounds": [{"source": "folder", "path": str(root / "bg")}],
        "placement": placement,
        "steps": SHADOW,
        "labels": {"kernel": [3, 3]},
        **keys,
    }
    return parse(SynthRecipe, data, "test")


def operation(sample: Sample, name: str = "shadow") -> dict[str, Any]:
    return next(one for one in sample.meta["operations"] if one["name"] == name)


def padded(plane: np.ndarray, top: int, side: int) -> np.ndarray:
    return np.pad(plane, ((top, top), (side, side)))


@pytest.mark.parametrize(("top", "side"), [(0, 0), (17, 30)])
def test_a_layer_lands_where_its_cutout_lands(tmp_path: Path, top: int, side: int) -> None:
    # The darkness is the matte itself, so the white background must turn into the inverse of the placed matte.
    synth = Synthesizer(recipe(folder(tmp_path, 255 - padded(blob(), top, side))))
    turns = set()
    for index in range(6):
        sample = synth[index]
        seen = sample.background[..., 0].astype(int)
        assert np.abs(seen - (255 - sample.alpha.astype(int))).max() <= 2
        assert seen.min() < 10
        assert operation(sample)["rendered"] is True
        assert operation(sample)["darkest"] > 0.9
        assert sample.meta["composition_valid"] is True
        turns.add(
            (operation(sample, "place_foreground")["flip"], operation(sample, "place_foreground")["rotation"] > 0)
        )
    assert len(turns) >= 3, "the draws turn and mirror it"


def test_a_layer_reaches_beyond_the_frame_and_its_half_light_is_half_the_light(tmp_path: Path) -> None:
    layer = np.full((60 * 2, 44 * 2), 65535, np.uint16)
    layer[100:110, 70:80] = 32768
    # Its own pixels, on a canvas in whose middle the whole layer has room.
    placement = {
        "mode": "canvas",
        "height": 300,
        "width": 300,
        "scale": [1, 1],
        "max_enlargement": 1,
        "foot": [0.6, 0.6],
    }
    synth = Synthesizer(recipe(folder(tmp_path, layer), placement=placement))
    middle = (index for index in range(6) if 0.2 < operation(synth[index], "place_foreground")["position"][0] < 0.8)
    sample = synth[next(middle)]
    # 100 pixels of half the light; all of them are beyond the frame of the cut-out.
    missing = (255 - sample.background[..., 0].astype(float)).sum() / 127.5
    assert missing == pytest.approx(100, rel=0.02)
    assert 126 <= sample.background.min() <= 128
    assert not (sample.alpha[sample.background[..., 0] < 200] > 0).any()


def test_a_window_has_the_shadow_of_the_whole(tmp_path: Path) -> None:
    synth = Synthesizer(
        recipe(folder(tmp_path, 255 - padded(blob(), 20, 20)), steps=[{"step": "shadow", "ground": 0.0}])
    )
    for index in range(3):
        whole = synth[index]
        part = synth.window(index, lambda size, _: View(size, (32, 48), (40, 30)))
        np.testing.assert_array_equal(part.background, whole.background[40:72, 30:78])
        assert operation(part) == operation(whole)


def test_a_pool_gives_the_same_samples(tmp_path: Path) -> None:
    folder(tmp_path, 255 - padded(blob(), 20, 20))
    table = {"source": "cutouts", "name": "cut", "path": str(tmp_path / "cut"), "type": "SO"}
    assert build(ingest(parse(Sources, {"foregrounds": [table]}, "test")), tmp_path / "pool").added == 1
    assert list(verify(tmp_path / "pool")) == []
    assert facts(tmp_path / "pool", read_index(tmp_path / "pool"))["mattes"] == {"shadow": 1, "uint8": 1}
    plain, packed = (
        Synthesizer(recipe(tmp_path, cut)) for cut in (table, {"source": "pool", "path": str(tmp_path / "pool")})
    )
    for index in range(4):
        one, other = plain[index], packed[index]
        for name in ("image", "alpha", "background", "label"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert operation(one) == operation(other)


def test_a_reduced_cutout_has_a_reduced_shadow(tmp_path: Path) -> None:
    folder(tmp_path, 255 - padded(blob(), 20, 20))
    table = {"source": "cutouts", "path": str(tmp_path / "cut"), "type": "SO", "max_side": 30}
    sample = Synthesizer(recipe(tmp_path, table))[1]
    off = sample.background[..., 0].astype(int) - (255 - sample.alpha.astype(int))
    assert np.abs(off).max() <= 12
    assert abs(off.mean()) < 0.3


def test_only_what_has_a_layer_casts_it_and_only_where_it_may(tmp_path: Path) -> None:
    folder(tmp_path / "bare", None)
    record = operation(Synthesizer(recipe(tmp_path / "bare"))[0])
    assert "rendered" not in record
    assert record["strength"] > 0
    folder(tmp_path / "own", 255 - padded(blob(), 20, 20))
    table = {"source": "cutouts", "path": str(tmp_path / "own/cut")}
    for kind, expected in {"STM": {"rendered", "darkest"}, "NS": {"skipped"}}.items():
        assert set(operation(Synthesizer(recipe(tmp_path / "own", {**table, "type": kind}))[0])) - {"name"} == expected
    # On ground that is only the lowest row, nothing stands.
    lowest = recipe(tmp_path / "own", steps=[{"step": "shadow", "ground": 1.0}])
    sample = Synthesizer(lowest)[0]
    assert operation(sample)["skipped"] == "no foot on the ground"
    assert sample.background.min() == 255
    alone = recipe(tmp_path / "own", hard_cases={"background_only": 1.0})
    assert Synthesizer(alone)[0].background.min() == 255


def test_a_step_that_moves_the_cutout_leaves_the_layer_behind(tmp_path: Path) -> None:
    folder(tmp_path, 255 - padded(blob(), 20, 20))
    moved = recipe(tmp_path, steps=[{"step": "affine", "rotation": [20, 25]}, *SHADOW])
    assert "rendered" not in operation(Synthesizer(moved)[0])


def test_a_changed_layer_is_another_cutout_and_a_coloured_one_is_refused(tmp_path: Path) -> None:
    digests = set()
    for level in (0, 7):
        root = folder(tmp_path / str(level), np.full((60, 44), level, np.uint8))
        digests.add(Synthesizer(recipe(root))[0].meta["sources"][0]["digest"])
    assert len(digests) == 2
    root = folder(tmp_path / "rgb", np.zeros((60, 44, 3), np.uint8))
    with pytest.raises(AimkitError, match="a shadow layer is a grey picture"):
        Synthesizer(recipe(root))[0]
