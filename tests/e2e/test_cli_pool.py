"""The command pool, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aimkit.cli import run
from aimkit.imageio import write_png
from aimkit.recipe import load_recipe
from aimkit.synth.engine import Synthesizer


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:60, :80]
    alpha = (np.clip((22 - np.hypot(y - 30, x - 40)) / 6, 0, 1) * 255).astype(np.uint8)
    for n in range(3):
        write_png(tmp_path / f"cut/{n}.png", np.dstack([draw.integers(0, 255, (60, 80, 3), np.uint8), alpha]))
        write_png(tmp_path / f"bg/{n}.png", draw.integers(0, 255, (90, 70, 3), np.uint8))
    return tmp_path


def test_folders_are_packed_shown_checked_and_composited(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool, cut, bg = str(folders / "pool"), str(folders / "cut"), str(folders / "bg")
    assert run(["pool", "build", cut, "-o", pool, "licence=CC0-1.0", "type=STM", "--workers", "0"]) == 0
    assert capsys.readouterr().out == f"{pool}\n"
    assert run(["pool", "build", bg, "-o", pool, "--workers", "0"]) == 2
    assert "--append" in capsys.readouterr().err
    assert run(["pool", "build", bg, "-o", pool, "--append", "--workers", "0"]) == 0
    assert run(["pool", "build", bg, "-o", pool, "--append", "--workers", "0"]) == 0
    assert "0 items added, 3 already in the pool" in capsys.readouterr().err

    assert run(["pool", "info", pool]) == 0
    assert "CC0-1.0" in capsys.readouterr().out
    assert run(["pool", "info", pool, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["items"], told["types"], told["levels"]) == (6, {"STM": 3}, 8)
    assert told["bytes"] == sum(path.stat().st_size for path in Path(pool).glob("*.bin"))
    row = {"role": "foreground", "source": "cut", "type": "STM", "licence": "CC0-1.0", "origin": "", "items": 3}
    assert row in told["sources"]

    assert run(["pool", "verify", pool]) == 0
    assert "ok: 6 items in 2 files" in capsys.readouterr().out
    path = Path(pool) / "pixels-00001.bin"
    path.write_bytes(b"\1" + path.read_bytes()[1:])
    assert run(["pool", "verify", pool]) == 1
    assert "background/bg/0" in capsys.readouterr().out

    sources = [f'foregrounds=[{{source="pool", path="{pool}"}}]', f'backgrounds=[{{source="pool", path="{pool}"}}]']
    words = ["synth", "cutouts", *sources, "placement.height=48", "placement.width=48", "--workers", "0", "-n", "4"]
    assert run([*words, "-o", str(folders / "out")]) == 0
    assert run(["dataset", "verify", str(folders / "out")]) == 0


def test_forms_of_a_pool_are_measured_side_by_side(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(folders / "large/0.png", np.zeros((700, 650, 3), np.uint8))
    for name in ("large", "bg"):
        assert run(["pool", "build", str(folders / name), "-o", str(folders / f"{name}-pool"), "--workers", "0"]) == 0
    assert run(["bench", "pools", str(folders / "bg-pool")]) == 2
    capsys.readouterr()
    assert run(["bench", "pools", str(folders / "large-pool"), "--repeats", "2", "--json"]) == 0
    rows = {row["form"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert {"rows, one file", "tiles of 256 x 256, one file", "PNG, decoded"} <= rows.keys()
    for row in rows.values():
        assert row["640 of level 0"] > 0
        assert row["960 of level 0"] is None


def test_the_sources_of_a_recipe_are_packed(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUTOUTS", str(folders / "cut"))
    pool = str(folders / "pool")
    backgrounds = f'backgrounds=[{{source="folder", path="{folders / "bg"}"}}]'
    assert run(["pool", "build", "cutouts", "-o", pool]) == 2
    assert "--drawn" in capsys.readouterr().err
    assert not (folders / "pool").exists()
    assert run(["pool", "build", "cutouts", backgrounds, "-o", pool, "--workers", "0"]) == 0
    monkeypatch.setenv("POOL", pool)
    small = ["placement.height=48", "placement.width=48"]
    packed = [
        'foregrounds=[{source="pool", path="${POOL}", repeat=20}]',
        'backgrounds=[{source="pool", path="${POOL}"}]',
    ]
    one = Synthesizer(load_recipe("cutouts", [*small, backgrounds], kind="synth"))
    other = Synthesizer(load_recipe("cutouts", [*small, *packed], kind="synth"))
    assert len(one) == len(other) == 60
    for index in (0, 7, 31):
        assert np.array_equal(one[index].image, other[index].image)
        assert one[index].meta["sources"] == other[index].meta["sources"]
