"""What is no folder of files: hub datasets, pools, sources of other packages, and test sets by their catalog name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import cutout, matte, photo, texture

from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.imageio import encode_png, write_png
from aimkit.lint.collect import collect, collect_known
from aimkit.lint.run import LintResult, lint
from aimkit.registry import RegistryEntry
from aimkit.synth.source import ForegroundBlock, Item, foreground_sources
from aimkit.types import Foreground, ImageType


def _table(file: Path, **columns: list[Any]) -> Path:
    import pyarrow
    import pyarrow.parquet

    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file


def _found(result: LintResult) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.check, one.files) for one in result.findings if one.check not in ("tiny", "licence-missing")]


def _recipe(folder: Path, *tables: str) -> Path:
    """A recipe of these foreground tables."""
    file = folder / "r.toml"
    file.write_text(
        'kind = "synth"\ncount = 2\nplacement = {mode = "stretch"}\nbackgrounds = [{source = "procedural"}]\n'
        f"foregrounds = [{', '.join(tables)}]\n"
    )
    return file


def test_the_parts_of_a_hub_dataset_are_its_splits(tmp_path: Path) -> None:
    """Row 1 of the training part is row 0 of the test part; the pair is checked as photo and matte."""
    photos, mattes = ([encode_png(make(i)) for i in range(3)] for make in (photo, matte))
    mattes[0] = encode_png(np.ascontiguousarray(matte(0)[:, ::-1]))
    names = {"image_name": ["a.jpg", "b.jpg"], "type": ["SO", "SO"]}
    _table(tmp_path / "d/data/train-0.parquet", image=photos[:2], mask=mattes[:2], **names)
    _table(tmp_path / "d/data/test-0.parquet", image=photos[1:], mask=mattes[1:], **names)
    target = collect(f"hf:{tmp_path / 'd'}")
    assert {(item.role, item.type, item.split) for item in target.items} == {
        ("photo", ImageType.SO, split) for split in ("train", "test")
    }
    assert _found(lint(target)) == [
        ("moved-matte", ("train/a.jpg (image)", "train/a.jpg (mask)")),
        ("split-leak", ("train/b.jpg (image)", "test/a.jpg (image)")),
    ]


def test_a_recipe_checks_the_rows_of_its_hub_dataset(tmp_path: Path) -> None:
    table = _table(tmp_path / "t.parquet", image=[encode_png(cutout(i % 2)) for i in range(4)], id=list("abcd"))
    recipe = _recipe(tmp_path, f'{{source = "huggingface", path = "{table.as_posix()}", exclude = ["d"]}}')
    assert _found(lint(collect(str(recipe)))) == [("duplicate", ("huggingface: c", "huggingface: a"))]


def test_a_pool_is_checked_by_its_pictures(tmp_path: Path) -> None:
    for i in range(3):
        write_png(tmp_path / f"c/{i}.png", np.where(cutout(i) > 127, 255, 0).astype(np.uint8) if i == 1 else cutout(i))
        write_png(tmp_path / f"b/{i}.png", texture(40 + i))
    recipe = _recipe(tmp_path, f'{{source = "cutouts", path = "{(tmp_path / "c").as_posix()}", licence = "CC0"}}')
    background = f'"folder", path = "{(tmp_path / "b").as_posix()}", licence = "CC0"'
    recipe.write_text(recipe.read_text().replace('"procedural"', background))
    assert run(["pool", "build", str(recipe), "-o", str(tmp_path / "pool"), "--workers", "0"]) == 0
    target = collect(str(tmp_path / "pool"))
    assert len(target.items) == 6
    assert _found(lint(target)) == [("binary-matte", ("cutouts: 1",))]
    assert _found(lint(collect(str(tmp_path / "c")), against=[target], only=["test-leak"])) == [
        ("test-leak", (f"{i}.png", f"cutouts: {i}")) for i in range(3)
    ]
    again = _recipe(tmp_path, f'{{source = "pool", path = "{(tmp_path / "pool").as_posix()}", split = "val"}}')
    assert _found(lint(collect(str(again)))) == [("binary-matte", ("pool: 1",))]


class _ForeignBlock(ForegroundBlock):
    """Its keys."""


class _Foreign:
    """The source of another package: two stored cut-outs, and a generated one."""

    def __init__(self, block: Any) -> None:
        self.items = [Item(str(i), block.title, ImageType.SO, digest="0f" * (i < 2)) for i in range(3)]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        if position == 1:
            raise RuntimeError("the disk is gone")
        pixels = cutout(7).astype(np.float32) / 255
        return Foreground(pixels[..., :3], (pixels[..., 3] > 0.5).astype(np.float32), ImageType.SO)


def test_the_source_of_another_package_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreground_sources.get("cutouts")
    entry = RegistryEntry("foreign", _Foreign, {"params": _ForeignBlock})
    monkeypatch.setitem(foreground_sources._entries, "foreign", entry)  # type: ignore[misc]
    target = collect(str(_recipe(tmp_path, '{source = "foreign", name = "theirs"}')))
    assert target.notes == ["1 foregrounds of the source 'theirs' are generated, and not checked"]
    assert _found(lint(target)) == [("unreadable", ("theirs: 1",)), ("binary-matte", ("theirs: 0",))]


def test_a_test_set_is_named_as_in_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the part for evaluation counts: a training photo of that dataset is none of its test set."""
    for part, first in (("train", 10), ("validation", 20)):
        for i in range(first, first + 2):
            write_png(tmp_path / f"AM-2k/{part}/original/{i}.png", photo(i))
            write_png(tmp_path / f"AM-2k/{part}/mask/{i}.png", matte(i))
    for i in (10, 21):
        write_png(tmp_path / f"mine/{i}.png", photo(i))
    with pytest.raises(AimkitError, match="the folder of AM-2k is not known: the variable AM2K is not set"):
        collect_known("am2k")
    monkeypatch.setenv("AM2K", str(tmp_path / "AM-2k"))
    for name in ("am2k", "AM-2k"):
        result = lint(collect(str(tmp_path / "mine")), against=[collect_known(name)], only=["test-leak"])
        assert [one.files[0] for one in result.findings] == ["21.png"]


def test_a_mirror_is_offered_where_the_folder_is_not_known() -> None:
    with pytest.raises(AimkitError) as caught:
        collect_known("aim500")
    assert caught.value.hint == "export AIM500=/your/folder, or --against FOLDER, or --against hf:nobg/AIM-500"


def test_an_unknown_test_set_is_named() -> None:
    with pytest.raises(AimkitError, match="neither a folder nor a recipe has this name"):
        collect_known("aim5000")


def test_backgrounds_of_other_sources_are_checked(tmp_path: Path) -> None:
    table = _table(tmp_path / "t.parquet", image=[encode_png(texture(1)), encode_png(cutout(1))])
    recipe = _recipe(tmp_path, '{source = "procedural"}')
    text = recipe.read_text().replace("procedural", "huggingface", 1).replace('face"', f'face", path = "{table}"', 1)
    recipe.write_text(text)
    assert _found(lint(collect(str(recipe)))) == [("alpha-in-background", ("huggingface: 00000001",))]
