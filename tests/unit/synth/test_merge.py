"""Merging parts: the bytes of an undivided run, or a word on what is missing and nothing written."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from tiny_source import tiny, tree

from aimkit.datasets.inspect.verify import verify
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.recipe import load_recipe
from aimkit.synth import merge as merging
from aimkit.synth.merge import merge
from aimkit.synth.run import synthesize

COUNT, PARTS = 24, 3


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undivided dataset ``whole`` of 6 shards, and its parts 0, 1, 2; not to be changed."""
    root = tmp_path_factory.mktemp("merge")
    synthesize(tiny(COUNT), root / "whole")
    for i in range(PARTS):
        synthesize(tiny(COUNT), root / str(i), part=(i, PARTS))
    return root


@pytest.fixture
def parts(written: Path, tmp_path: Path) -> list[Path]:
    return [Path(shutil.copytree(written / str(i), tmp_path / str(i))) for i in range(PARTS)]


def test_merged_parts_are_the_undivided_run_byte_for_byte(written: Path, parts: list[Path], tmp_path: Path) -> None:
    out, before = tmp_path / "all", [tree(part) for part in parts]
    assert merge(parts[::-1], out) == (6, 6)
    assert tree(out) == tree(written / "whole")
    assert merge(parts, out) == (0, 6)
    assert tree(out) == tree(written / "whole")
    assert [tree(part) for part in parts] == before


def test_one_of_the_parts_can_take_the_others_in(written: Path, parts: list[Path]) -> None:
    assert merge(parts, parts[1]) == (4, 6)
    assert tree(parts[1]) == tree(written / "whole")


def test_missing_shards_are_told_before_anything_is_written(written: Path, parts: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "all"
    (parts[1] / "shards" / "00004.json").unlink()
    with pytest.raises(AimkitError, match="3 of 6 shards are missing: 2, 4-5") as caught:
        merge(parts[:2], out)
    assert caught.value.exit_code == 1
    assert not out.exists()


@pytest.mark.parametrize("missing", [[4], [1, 4], [0, 1, 2, 3, 5], [2, 3]])
def test_the_commands_in_the_hint_make_what_is_missing(missing: list[int], written: Path, tmp_path: Path) -> None:
    part = Path(shutil.copytree(written / "whole", tmp_path / "a part"))
    for number in missing:
        (part / "shards" / f"{number:05d}.json").unlink()
    with pytest.raises(AimkitError) as caught:
        merge([part], tmp_path / "all")
    commands = [shlex.split(line) for line in caught.value.hint.splitlines() if "--shards" in line]
    for _, verb, recipe, option, out, _, text in commands:
        assert (verb, option, out) == ("synth", "-o", str(part))
        i, n = (int(number) for number in text.split("/"))
        synthesize(load_recipe(recipe), Path(out), part=(i, n))
    merge([part], tmp_path / "all")
    assert tree(tmp_path / "all") == tree(written / "whole")


def test_an_interrupted_merge_is_continued(
    written: Path, parts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, download = tmp_path / "all", merging._download

    def stops(source: Path, target: Path) -> None:
        if source.name == "000013.png":
            raise KeyboardInterrupt
        download(source, target)

    monkeypatch.setattr(merging, "_download", stops)
    with pytest.raises(KeyboardInterrupt):
        merge(parts, out)
    assert sorted(path.name for path in out.glob("shards/*.json")) == ["00000.json", "00001.json", "00002.json"]
    assert not (out / "original" / "000012.png").exists()
    assert not (out / "README.md").exists()
    monkeypatch.undo()
    assert merge(parts, out) == (3, 6)
    assert tree(out) == tree(written / "whole")


def test_parts_of_different_recipes_are_refused(parts: list[Path], tmp_path: Path) -> None:
    synthesize(tiny(COUNT, seed=5), tmp_path / "other", part=(0, 3))
    with pytest.raises(AimkitError, match=r"seed: 0 in .*0, 5 in .*other"):
        merge([*parts, tmp_path / "other"], tmp_path / "all")
    with pytest.raises(AimkitError, match="different recipes"):
        merge(parts, tmp_path / "other")
    with pytest.raises(AimkitError, match="not a dataset"):
        merge([*parts, tmp_path / "nothing"], tmp_path / "all")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(AimkitError, match="not empty"):
        merge(parts, tmp_path / "full")


def test_a_file_that_changed_is_not_taken_over(parts: list[Path], tmp_path: Path) -> None:
    changed, out = parts[2] / "mask" / "000009.png", tmp_path / "all"
    changed.write_bytes(changed.read_bytes() + b"x")
    with pytest.raises(AimkitError, match=r"mask/000009.png changed since it was written"):
        merge(parts, out)
    assert not (out / "mask" / "000009.png").exists()
    changed.unlink()
    with pytest.raises(AimkitError, match="a file of a finished shard is missing"):
        merge(parts, out)


def test_copies_of_a_shard_must_agree(parts: list[Path], tmp_path: Path) -> None:
    shutil.copytree(parts[0], tmp_path / "copy")
    assert merge([*parts, tmp_path / "copy"], tmp_path / "all") == (6, 6)
    sidecar = tmp_path / "copy" / "shards" / "00003.json"
    digest = sidecar.read_text().split('"digest": "')[1][:64]
    sidecar.write_text(sidecar.read_text().replace(digest, "0" * 64))
    with pytest.raises(AimkitError, match="shard 3 differs between"):
        merge([*parts, tmp_path / "copy"], tmp_path / "all2")


def points_to(part: Path, path: str) -> None:
    """Let the first file of the first shard lie elsewhere, and its sidecar agree."""
    file = part / "shards" / "00000.json"
    sidecar = json.loads(file.read_text())
    sidecar["files"][0]["path"] = path
    file.write_text(json.dumps(sidecar))


@pytest.mark.parametrize("path", ["../../../x", "{outside}/x", "..\\..\\x", "mask/../../x", "C:\\x"])
def test_a_sidecar_that_points_outside_is_refused_and_nothing_outside_is_touched(
    path: str, parts: list[Path], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for victim in (outside / "x", tmp_path / "x"):
        victim.write_text("precious")
    points_to(parts[0], path.replace("{outside}", str(outside)))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(AimkitError, match=r"is absolute|leaves its folder") as caught:
        merge(parts, tmp_path / "deep" / "er" / "all")
    assert caught.value.where == str(parts[0] / "shards" / "00000.json")
    assert {p: p.read_bytes() for p in before} == before
    assert any("is absolute" in line or "leaves its folder" in line for line in verify(open_dataset(parts[0])))
    assert {p: p.read_bytes() for p in before} == before


def test_a_link_in_a_part_that_leaves_it_is_refused(parts: list[Path], tmp_path: Path) -> None:
    (parts[0] / "mask").rename(tmp_path / "elsewhere")
    (parts[0] / "mask").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AimkitError, match="through a link"):
        merge(parts, tmp_path / "all")
    assert any("through a link" in line for line in verify(open_dataset(parts[0])))


@pytest.mark.parametrize("files", [[3], ["x"], [{"path": "x"}], 7, None])
def test_a_sidecar_of_another_shape_is_refused(files: object, parts: list[Path], tmp_path: Path) -> None:
    file = parts[0] / "shards" / "00000.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"files": files}))
    with pytest.raises(AimkitError, match="the sidecar is damaged"):
        merge(parts, tmp_path / "all")


def test_a_row_that_points_outside_is_not_read(parts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes((parts[0] / "original" / "000000.png").read_bytes())
    rows = parts[0] / "shards" / "00000.jsonl"
    rows.write_text(rows.read_text().replace("original/000000.png", "../secret.png"))
    with pytest.raises(AimkitError, match="leaves its folder"):
        open_dataset(parts[0]).record(0)
