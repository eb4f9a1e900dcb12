"""The schema, ids, licences, and what the check of the manifest finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.publish.add import write
from aimkit.publish.check import check, saw
from aimkit.zoo.manifest import TrainingSet, entries, find, read

GOOD = """
[[checkpoint]]
id = "aimnet_resnet18.a"
architecture = "aimnet"
backbone = "resnet18"
stage = "matting"
format = "safetensors"
licence = "MIT"
sources = ["https://host/a.safetensors"]
"""


def wrong(home: Path, text: str) -> str:
    (home / "zoo" / "a.toml").write_text(text)
    with pytest.raises(AimkitError) as caught:
        read(home / "zoo" / "a.toml")
    return str(caught.value)


def test_every_error_of_a_file_is_told_with_the_nearest_key(home: Path) -> None:
    text = wrong(home, GOOD.replace("licence =", "license =").replace('"matting"', '"mating"'))
    assert "3 keys are wrong" in text
    assert "checkpoint.0.license: unknown key; did you mean 'licence'?" in text
    assert "checkpoint.0.stage" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"aimnet_resnet18.a"', '"aimnet_resnet34.a"', "must begin with 'aimnet_resnet18.'"),
        ('"aimnet_resnet18.a"', '"../evil.a"', "pattern"),
        ('"aimnet_resnet18.a"', '"aimnet_resnet18"', "pattern"),
        ("https://host", "http://host", "is not a source"),
        ('licence = "MIT"', 'licence = "MIT"\nsha256 = "abc"', "pattern"),
        ('architecture = "aimnet"', "", "must begin with 'resnet18.'"),
        ('"matting"', '"imagenet"', "stage imagenet is for backbones"),
    ],
)
def test_wrong_values_are_refused(home: Path, old: str, new: str, message: str) -> None:
    assert message in wrong(home, GOOD.replace(old, new, 1))


def test_an_unknown_metric_is_refused(home: Path) -> None:
    table = '[[checkpoint.metrics]]\ntest_set = "x"\norigin = "x"\nprotocol = "long enough"\nvalues = {SAD = 1.0}\n'
    assert "unknown metric SAD" in wrong(home, GOOD + table)


def test_two_entries_of_one_id_are_an_error_that_names_both_files(home: Path) -> None:
    for name in ("a", "b"):
        (home / "zoo" / f"{name}.toml").write_text(GOOD)
    with pytest.raises(AimkitError, match=r"duplicate id.*\n.*a\.toml and .*b\.toml"):
        entries()


def test_an_unknown_id_names_the_nearest(home: Path) -> None:
    with pytest.raises(AimkitError, match=r"did you mean 'aimnet_resnet34_mp\.matting'"):
        find("aimnet_resnet34_mp.mating")


def test_an_entry_survives_being_written_and_read(home: Path, make_entry: Any, weights: bytes) -> None:
    one = make_entry(
        weights,
        "file:x.safetensors",
        options={"width": 8, "fusion": "soft"},
        data=[{"name": "X", "licence": "CC0-1.0", "commercial": True, "images": 3}],
        metrics=[{"test_set": "T", "protocol": "whole image", "origin": "here", "values": {"sad_stm": 1.5}}],
        seed=3,
    )
    write(one, home / "zoo" / "one.toml")
    assert read(home / "zoo" / "one.toml") == [one]
    assert find(one.id) == one


@pytest.mark.parametrize(
    ("licence", "flags", "commercial"),
    [
        ("MIT", [True], True),
        ("MIT", [True, False], False),
        ("MIT", [True, None], None),
        ("MIT", [], None),
        ("cc-by-nc-4.0", [True], False),
        ("unknown", [True], None),
        ("some non-commercial licence", [], False),
    ],
)
def test_commercial_use_needs_weights_and_all_data(
    make_entry: Any, licence: str, flags: list[bool | None], commercial: bool | None
) -> None:
    data = [TrainingSet(name=str(i), licence="x", commercial=flag) for i, flag in enumerate(flags)]
    assert make_entry(None, licence=licence, data=data).commercial is commercial


def metric(name: str) -> dict[str, Any]:
    return {"test_set": name, "protocol": "whole image", "origin": "here", "values": {"sad": 1.0}}


def test_a_metric_on_images_that_the_entry_or_its_start_has_seen_is_found(make_entry: Any) -> None:
    start = make_entry(None, "https://h/a", id="aimnet_resnet18.start", seen=["AIM-500"])
    one = make_entry(
        None, "https://h/b", init="aimnet_resnet18.start", metrics=[metric("aim500"), metric("P3M-500-NP")]
    )
    found = [problem.what for problem in check([start, one])]
    assert found == ["the entry has metrics on aim500, whose images it was trained on or selected by"]
    assert saw(one, {start.id: start, one.id: one}) == {"aim500"}


def test_names_files_and_recipes_that_do_not_exist_are_found(make_entry: Any, monkeypatch: Any) -> None:
    # Importing timm, only to ask whether it knows the name, takes long.
    monkeypatch.setattr("aimkit.models.backbones.factory._installed", frozenset)
    one = make_entry(
        None, "file:gone.safetensors", bytes=5, architecture="aimnot", backbone="resnet81", id="aimnot_resnet81.a"
    ).model_copy(update={"init": "nothing.at_all", "recipe": "train/dmeo"})
    text = "\n".join(str(problem) for problem in check([one]))
    gone = "gone.safetensors' not found", "entry 'nothing.at_all' not found"
    for part in ("unknown backbone", "unknown model", *gone, "both digest and size", "dmeo"):
        assert part in text
