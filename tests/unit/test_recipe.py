from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from aimkit.errors import AimkitError
from aimkit.overrides import apply_overrides
from aimkit.recipe import Block, Range, Recipe, expand, find, header, load_recipe, parse
from aimkit.toml_files import read_toml


class Inner(Block):
    size: int = Field(3, ge=1)
    span: Range = (0.0, 1.0)


class Toy(Recipe):
    outside_digest = frozenset({"note"})

    kind: Literal["synth"] = "synth"
    inner: Inner = Inner()
    rows: list[Inner] = Field(default_factory=list)
    note: str | None = None


def message(data: dict[str, object]) -> str:
    with pytest.raises(AimkitError) as caught:
        parse(Toy, data, "toy.toml")
    return str(caught.value)


def test_an_unknown_key_gets_its_path_and_the_nearest_key() -> None:
    text = message({"rows": [{}, {"sise": 3}]})
    assert "did you mean 'size'" in text
    assert "toy.toml, rows.1.sise" in text


def test_every_error_is_told_at_once() -> None:
    text = message({"seed": "x", "inner": {"size": 0, "spam": 1}, "rows": [{"span": [2, 1]}], "other": 1})
    assert "5 keys are wrong" in text
    for path in ("seed", "inner.size", "inner.spam", "rows.0.span", "other"):
        assert f"\n  {path}: " in text


def test_a_single_number_is_a_range() -> None:
    assert parse(Toy, {"inner": {"span": 0.5}}, "").inner.span == (0.5, 0.5)


def test_the_digest_ignores_what_does_not_decide_the_result_and_nothing_else() -> None:
    base = Toy()
    assert base.digest() == Toy(note="x").digest() == parse(Toy, base.resolved(), "").digest()
    assert base.digest() != Toy(seed=1).digest()
    assert base.digest() != Toy(inner=Inner(size=4)).digest()


def test_overrides_reach_tables_lists_and_named_entries() -> None:
    data = {"a": {"b": 1}, "steps": [{"step": "jpeg", "p": 1}, {"step": "noise", "p": 1}, {"step": "jpeg", "p": 1}]}
    result = apply_overrides(data, ["a.b=[1, 2]", "a.c.d=text", "steps.jpeg.p=0", "steps.1.p=0.5", "new=true"])
    assert result["a"] == {"b": [1, 2], "c": {"d": "text"}}
    assert [row["p"] for row in result["steps"]] == [0, 0.5, 0]
    assert result["new"] is True
    assert data["a"] == {"b": 1}


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("seed", "is not an override"),
        ("=3", "is not an override"),
        ("steps.jepg.p=0", "did you mean 'jpeg'"),
        ("steps.7.p=0", "position 7 is outside"),
        ("seed.x=1", "not inside a table"),
    ],
)
def test_bad_overrides_are_told(override: str, text: str) -> None:
    with pytest.raises(AimkitError, match=text):
        apply_overrides({"seed": 1, "steps": [{"step": "jpeg"}]}, [override])


def test_environment_and_home_are_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIM", str(tmp_path))
    monkeypatch.delenv("HATT", raising=False)
    assert expand("${DIM}/train") == tmp_path / "train"
    assert expand("~/x") == Path.home() / "x"
    with pytest.raises(AimkitError, match="HATT is not set"):
        expand("${HATT}/train")


def test_a_file_that_is_missing_broken_or_of_the_wrong_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="recipe file not found"):
        find(tmp_path / "x.toml")
    with pytest.raises(AimkitError, match="did you mean 'demo'"):
        find("demmo")
    broken = tmp_path / "broken.toml"
    broken.write_text("a = 1\nb = = 2\n")
    with pytest.raises(AimkitError, match="line 2"):
        read_toml(broken)
    kindless = tmp_path / "kindless.toml"
    kindless.write_text("seed = 1\n")
    with pytest.raises(AimkitError, match="missing key 'kind'"):
        load_recipe(kindless)
    kindless.write_text('kind = "sinth"\n')
    with pytest.raises(AimkitError, match="did you mean 'synth'"):
        load_recipe(kindless)
    kindless.write_text('kind = "synth"\n')
    with pytest.raises(AimkitError, match="expected a train recipe"):
        load_recipe(kindless, kind="train")


def test_the_header_is_the_comment_that_opens_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("# Purpose.\n#   Run: aimkit\n\n# not this\nkind = 1\n")
    assert header(path) == "Purpose.\nRun: aimkit"


def test_a_variant_stands_for_its_overrides_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    text = find("synth/demo").read_text()
    path.write_text(text + "\n[variants]\nsmall = ['count=3', 'placement.height=64']\nlinear = ['blend=linear']\n")
    wanted = load_recipe("demo", ["count=3", "placement.height=64", "count=5", "blend=linear"])
    found = load_recipe(path, ["variant=small", "count=5", "variant=linear"])
    assert found == wanted
    assert found.digest() == wanted.digest()
    assert load_recipe(path) == load_recipe("demo")
    with pytest.raises(AimkitError, match=r"unknown variant 'liner'.*\n.*variants\n.*did you mean 'linear'"):
        load_recipe(path, ["variant=liner"])
    path.write_text(text + "\n[variants]\nsmall = 'count=3'\n")
    with pytest.raises(AimkitError, match="each variant must be a list"):
        load_recipe(path)
