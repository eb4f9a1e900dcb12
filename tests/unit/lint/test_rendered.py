"""Cut-outs of ``aimkit render``: their colours and mattes are exact, and they state their licences one by one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from planted import cutout

from aimkit.datasets.credits import Credit, write_credits
from aimkit.imageio import write_png
from aimkit.lint.checks.lossy import _ABOVE, _SHARE, block_noise
from aimkit.lint.collect import collect
from aimkit.lint.item import LintItem, LintTarget
from aimkit.lint.run import lint
from aimkit.recipe import parse
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.run import synthesize


def checks(root: Path) -> set[str]:
    return {one.check for one in lint(collect(str(root)), workers=1).findings}


def glowing(seed: int) -> np.ndarray:
    """A cut-out whose colours get brighter the clearer it is, as those of fur in the sun do."""
    planes = cutout(seed).copy()
    clear = 1 - planes[..., 3:] / 255
    planes[..., :3] = (planes[..., :3] * 0.5 + 127 * clear).astype(np.uint8)
    return planes


def test_glow_under_low_alpha_is_residue_unless_the_sidecar_says_that_it_was_rendered(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", glowing(3))
    assert "halo" in checks(tmp_path)
    (tmp_path / "a.json").write_text('{"note": "mine"}')
    assert "halo" in checks(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps({"model": {}, "look": {}, "matte_samples": 128}))
    assert "halo" not in checks(tmp_path)


def test_bars_at_any_distance_are_not_the_blocks_of_a_jpeg() -> None:
    bars = np.zeros((400, 400), np.uint8)
    # Every eighth column and every eighth one but three: of both as many as a JPEG of quality 60 has between blocks.
    bars[:, 7::8], bars[:, 3::8] = 4, 4
    assert block_noise(bars) > _SHARE
    assert block_noise(bars) < _ABOVE * block_noise(bars, after=4)
    planes = np.dstack([np.full((400, 400, 3), 99, np.uint8), bars])
    planes[150:250, 150:250, 3] = 255
    write = LintItem("a", "single", ("a",), (lambda: _png(planes),))
    assert "lossy-matte" not in {one.check for one in lint(LintTarget("x", items=[write]), workers=1).findings}


def _png(planes: np.ndarray) -> bytes:
    from aimkit.imageio import encode_png

    return encode_png(planes)


def test_a_spoon_is_not_tiny(tmp_path: Path) -> None:
    write_png(tmp_path / "long.png", cutout(4, (260, 120)))
    assert "tiny" not in checks(tmp_path)
    write_png(tmp_path / "long.png", cutout(4, (190, 120)))
    assert "tiny" in checks(tmp_path)


def test_a_folder_whose_credits_name_every_licence_has_them_and_so_have_its_datasets(tmp_path: Path) -> None:
    cut, back = tmp_path / "cut", tmp_path / "bg"
    for number in range(2):
        write_png(cut / f"{number}.png", cutout(number))
    write_png(back / "a.png", np.full((300, 300, 3), 200, np.uint8))
    licences = {"0": Credit("CC0-1.0"), "1": Credit("CC-BY-3.0", "A. Maker")}
    stated = []
    for pictures in ({"0": licences["0"]}, {**licences, "1": Credit()}, licences):
        write_credits(cut, pictures)
        stated.append("licence-missing" not in checks(cut))
    assert stated == [False, False, True]
    data = {
        "kind": "synth",
        "count": 4,
        "placement": {"mode": "canvas", "height": 64, "width": 64},
        "foregrounds": [{"source": "cutouts", "path": str(cut)}],
        "backgrounds": [{"source": "folder", "path": str(back), "licence": "CC0-1.0"}],
    }
    out = tmp_path / "out"
    synthesize(parse(SynthRecipe, data, "test"), out)
    assert "licence-missing" not in checks(out)
    card = (out / "README.md").read_text()
    assert "CC-BY-3.0" in card
    assert "A. Maker" in card
