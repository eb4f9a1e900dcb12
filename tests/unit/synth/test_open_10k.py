"""The dataset to share: the same bytes each time, balanced types, and permissive licences alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tiny_source import tree

from aimkit.datasets.inspect import stats
from aimkit.datasets.inspect.card import metadata
from aimkit.datasets.reader import open_dataset
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
