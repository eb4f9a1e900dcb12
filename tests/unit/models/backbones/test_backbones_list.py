import json
import subprocess
import sys

import pytest

from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.models.backbones import factory
from aimkit.models.backbones.timm_spec import TimmSpec


def test_listing_imports_neither_torch_nor_timm() -> None:
    code = (
        "import sys; from aimkit.models.backbones.factory import list_backbones; assert len(list_backbones()) > 1000; "
        "print([m for m in ('torch', 'timm') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_patterns_kinds_and_sizes_narrow_the_list() -> None:
    small = factory.list_backbones("convnext*", max_params=10)
    assert "convnext_atto" in small
    assert "convnext_large" not in small
    assert "vit_tiny_patch16_224" in factory.list_backbones(kind="flat")
    assert "resnet34_mp" in factory.list_backbones("resnet34*")


def test_a_wrong_kind_is_refused() -> None:
    with pytest.raises(AimkitError, match="unknown kind 'piramid'") as caught:
        factory.list_backbones(kind="piramid")
    assert "pyramid" in caught.value.hint


def test_a_wrong_name_gets_the_nearest_right_ones() -> None:
    with pytest.raises(AimkitError, match="unknown backbone 'convnext_tinny'") as caught:
        factory.create("convnext_tinny")
    assert "'convnext_tiny'" in caught.value.hint


def test_a_wrong_tag_gets_the_nearest_right_ones() -> None:
    with pytest.raises(AimkitError, match="unknown tag") as caught:
        factory.create("convnext_tiny.fb_in22")
    assert "'fb_in22k'" in caught.value.hint


def test_rows_are_read_as_they_are_written() -> None:
    for info in factory.describe_backbones("*vit*"):
        if info.spec is not None:
            assert TimmSpec.from_row(info.spec.to_row()) == info.spec


def test_what_was_measured_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path))
    first = factory.timm_spec("test_resnet", use_table=False)
    monkeypatch.setattr("aimkit.models.backbones.probe.probe", None)
    assert factory.timm_spec("test_resnet", use_table=False) == first


def test_the_command_lists_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "ls", "convnext_a*", "--sort", "params", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["kind"] for row in rows} == {"pyramid"}
    assert [row["params"] for row in rows] == sorted(row["params"] for row in rows)


def test_the_command_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "show", "vit_small_patch14_dinov2"]) == 0
    assert "scaled by 14/16" in capsys.readouterr().out


def test_the_command_refuses_a_wrong_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "ls", "convnext_tinny"]) == 2
    assert "convnext_tiny" in capsys.readouterr().err


def test_an_empty_pattern_is_no_error() -> None:
    assert run(["backbones", "ls", "nothing*"]) == 0
