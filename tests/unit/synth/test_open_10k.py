"""The dataset to share: the same bytes each time, balanced types, and permissive licences alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from planted import cutout
from tiny_source import tree

from aimkit.datasets.inspect import stats
from aimkit.datasets.inspect.card import metadata
from aimkit.datasets.reader import open_dataset
from aimkit.datasets.source_list import list_digest
from aimkit.imageio import write_png
from aimkit.recipe import load_recipe
from aimkit.synth.engine import Synthesizer
from aimkit.synth.run import synthesize
from aimkit.zoo.manifest import commercial

SMALL = ["count=3", "output.shard_size=2", "placement.height=64", "placement.width=64"]


def test_two_runs_are_the_same_bytes_under_permissive_licences(tmp_path: Path) -> None:
    for name in ("a", "b"):
        synthesize(load_recipe("open-10k", SMALL), tmp_path / name, workers=0)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    dataset = open_dataset(tmp_path / "a")
    sources = stats.source_rows(stats.total(dataset.sidecars())["sources"])
    assert {role for role, *_ in sources} == {"foreground", "background"}
    assert all(commercial(licence) for _, _, licence, _, _ in sources)
    assert metadata(dataset)["license"] == ["mit"]


def test_the_mixed_form_has_all_three_kinds_and_their_licences_on_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock file knows the files: another picture gives another digest of the sources."""
    for i in range(2):
        write_png(tmp_path / f"rendered/{i}.png", cutout(i, (90, 100)))
        write_png(tmp_path / f"photos/{i}.png", cutout(5 + i, (90, 100)))
    credits = {"0": {"licence": "CC0-1.0"}, "1": {"licence": "CC-BY-3.0", "origin": "a modeller, https://a.example"}}
    (tmp_path / "rendered/credits.json").write_text(json.dumps({"pictures": credits}))
    monkeypatch.setenv("RENDERED", str(tmp_path / "rendered"))
    monkeypatch.setenv("CUTOUTS", str(tmp_path / "photos"))
    recipe = load_recipe("open-10k", ["variant=mixed", *SMALL, "count=12", "output.shard_size=6"])
    synthesize(recipe, tmp_path / "out", workers=0)
    dataset = open_dataset(tmp_path / "out")
    rows = stats.source_rows(stats.total(dataset.sidecars())["sources"])
    used = {(source, licence) for _, source, licence, *_ in rows}
    assert {("rendered", "CC0-1.0"), ("rendered", "CC-BY-3.0"), ("photos", "MIT"), ("procedural", "MIT")} == used
    assert metadata(dataset)["license"] == ["cc-by-3.0", "cc0-1.0", "mit"]
    assert "a modeller, https://a.example" in (tmp_path / "out/README.md").read_text()
    assert dataset.remarks["sources"] == list_digest(Synthesizer(recipe).sources)
    write_png(tmp_path / "photos/0.png", cutout(9, (90, 100)))
    assert dataset.remarks["sources"] != list_digest(Synthesizer(recipe).sources)


@pytest.mark.slow
def test_samples_as_published_are_the_same_twice_and_in_equal_parts() -> None:
    recipe = load_recipe("open-10k")
    assert recipe.count == 10_000
    first, second = (Synthesizer(recipe) for _ in range(2))
    for index in (0, 4_999, 9_999):
        assert first[index].image.tobytes() == second[index].image.tobytes()
        assert first[index].alpha.tobytes() == second[index].alpha.tobytes()
    small = Synthesizer(load_recipe("open-10k", ["placement.height=48", "placement.width=48"]))
    counts = Counter(str(small[index].type) for index in range(60))
    assert set(counts) == {"SO", "STM", "NS"}
    # Three standard deviations of a binomial of 60 draws with p = 1/3 are 11.
    assert all(9 <= count <= 31 for count in counts.values())
