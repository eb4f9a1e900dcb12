"""What changes under a run is noticed, and no run changes its own sources."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from aimkit.cli import run
from aimkit.datasets.reader import open_dataset
from aimkit.datasets.source_list import changes
from aimkit.errors import AimkitError
from aimkit.imageio import write_png
from aimkit.recipe import parse
from aimkit.synth.merge import merge
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.run import synthesize


@pytest.fixture
def recipe(tmp_path, make):
    make.cutouts(tmp_path / "cut", ["a", "b", "c", "d"])
    for seed in range(3):
        write_png(tmp_path / f"bg/{seed}.png", make.planes(seed + 10)[0])
    tables = {
        "kind": "synth",
        "count": 8,
        "selection": "enumerate",
        "foregrounds": [{"source": "cutouts", "path": str(tmp_path / "cut")}],
        "backgrounds": [{"source": "folder", "path": str(tmp_path / "bg")}],
        "placement": {"mode": "stretch"},
        "labels": {"kernel": 6},
        "output": {"shard_size": 4},
    }
    return parse(SynthRecipe, tables, "test")


def change(folder: Path, what: str, make) -> None:
    if what == "removed":
        (folder / "bg/1.png").unlink()
    elif what == "added":
        write_png(folder / "bg/9.png", make.planes(9)[0])
    else:
        write_png(folder / "cut/b.png", np.dstack(make.planes(7)))
        os.utime(folder / "cut/b.png", (1, 1))


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("removed", "backgrounds.0 folder: 1 is gone"),
        ("added", "backgrounds.0 folder: 9 is new"),
        ("replaced", "foregrounds.0 cutouts: b was replaced"),
    ],
)
def test_a_run_is_not_continued_with_other_sources(tmp_path, recipe, make, what, line):
    out = tmp_path / "out"
    synthesize(recipe, out, part=(0, 2))
    change(tmp_path, what, make)
    for options in ({"resume": True}, {"part": (1, 2)}):
        with pytest.raises(AimkitError, match="the sources changed") as error:
            synthesize(recipe, out, **options)
        assert line in error.value.what


def test_copies_of_the_sources_are_the_same_sources(tmp_path, recipe):
    out = tmp_path / "out"
    synthesize(recipe, out, part=(0, 2))
    for folder in ("cut", "bg"):
        shutil.copytree(tmp_path / folder, tmp_path / "copy")
        shutil.rmtree(tmp_path / folder)
        (tmp_path / "copy").rename(tmp_path / folder)
        for path in (tmp_path / folder).iterdir():
            os.utime(path, (7, 7))
    synthesize(recipe, out, part=(1, 2))
    assert len(open_dataset(out)) == 8
    assert run(["dataset", "verify", str(out)]) == 0


def test_parts_of_other_sources_are_not_merged(tmp_path, recipe, make):
    synthesize(recipe, tmp_path / "one", part=(0, 2))
    change(tmp_path, "replaced", make)
    synthesize(recipe, tmp_path / "two", part=(1, 2))
    with pytest.raises(AimkitError, match="made from other sources") as error:
        merge([tmp_path / "one", tmp_path / "two"], tmp_path / "whole")
    assert "b was replaced" in error.value.what


def test_a_merged_dataset_keeps_its_source_list_and_verify_checks_it(tmp_path, recipe, capsys):
    for i in range(2):
        synthesize(recipe, tmp_path / f"part{i}", part=(i, 2))
    merge([tmp_path / "part0", tmp_path / "part1"], tmp_path / "whole")
    assert run(["dataset", "verify", str(tmp_path / "whole")]) == 0
    (tmp_path / "whole/sources.json").write_text("{}")
    assert run(["dataset", "verify", str(tmp_path / "whole")]) == 1
    assert "sources.json: changed" in capsys.readouterr().out


def test_the_provenance_never_has_a_digest_of_another_file(tmp_path, recipe, make, open_source):
    source = open_source(source="cutouts", path=str(tmp_path / "cut"))
    back = open_source("background", source="folder", path=str(tmp_path / "bg"))
    change(tmp_path, "replaced", make)
    write_png(tmp_path / "bg/0.png", make.planes(5)[0])
    for one in (source, back):
        position = [item.id for item in one.items].index("b" if one is source else "0")
        with pytest.raises(AimkitError, match="changed after it was scanned"):
            one.picture(position)
        one.picture(position + 1)


def test_a_file_that_vanishes_after_the_scan_is_set_aside(tmp_path, recipe, open_source):
    source = open_source(source="cutouts", path=str(tmp_path / "cut"))
    (tmp_path / "cut/b.png").unlink()
    with pytest.raises(AimkitError, match="can't read the image"):
        source.picture(1)


def test_what_sources_skipped_is_listed_whole_beside_the_dataset(tmp_path, recipe, capsys):
    for i in range(12):
        (tmp_path / f"cut/x{i:02d}.png").write_bytes(b"no image")
    synthesize(recipe, tmp_path / "out")
    shown = capsys.readouterr().err
    assert "12 skipped" in shown
    assert "x09: can't read the image" in shown
    assert "x10:" not in shown
    rows = [line.split("\t") for line in (tmp_path / "out/skipped.txt").read_text().splitlines()]
    assert [path for path, _ in rows] == [str(tmp_path / f"cut/x{i:02d}.png") for i in range(12)]
    assert all("not an image" in reason for _, reason in rows)
    assert run(["dataset", "verify", str(tmp_path / "out")]) == 0


def test_the_record_states_the_scale_of_the_mattes(tmp_path, recipe):
    synthesize(recipe, tmp_path / "out")
    assert open_dataset(tmp_path / "out").remarks["mattes"] == "cutouts 0-255"
    assert "# mattes: cutouts 0-255" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize("below", ["cut/out", "bg/deep/er", "link/out"])
def test_outputs_inside_a_source_are_refused_before_anything_is_written(tmp_path, recipe, below, monkeypatch):
    (tmp_path / "link").symlink_to("bg")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AimkitError, match="the output is in a folder of the source"):
        synthesize(recipe, Path(below))
    text = {"kind": "synth", **json.loads(recipe.model_dump_json(exclude_none=True))}
    import tomli_w

    (tmp_path / "r.toml").write_text(tomli_w.dumps(text))
    assert run(["preview", "r.toml", "-o", f"{below}.png"]) == 2
    assert run(["pool", "build", "r.toml", "-o", below]) == 2
    assert run(["pool", "build", "cut", "-o", "cut/pool"]) == 2
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "r.toml"])


def test_an_output_beside_the_folders_of_a_pairs_source_is_fine(tmp_path, recipe, make):
    make.pairs(tmp_path, ["p", "q"])
    block = {"source": "pairs", "path": str(tmp_path)}
    pairs = parse(SynthRecipe, {**recipe.model_dump(exclude_none=True), "foregrounds": [block]}, "test")
    synthesize(pairs, tmp_path / "out")
    with pytest.raises(AimkitError, match="'pairs'"):
        synthesize(pairs, tmp_path / "alpha/out")


def test_changes_names_what_was_added_removed_and_replaced():
    old = {"f": {"a": "1 SO", "b": "2 SO"}, "g": {"c": "3"}}
    assert changes(old, {"f": {"a": "1 NS", "d": "4"}}) == [
        "f: a was replaced (1 SO, now 1 NS)",
        "f: b is gone",
        "f: d is new",
        "g: c is gone",
    ]
    assert changes(old, old) == []
