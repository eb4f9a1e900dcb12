from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.datasets.inspect.stats import source_rows, total
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.matting.composite import blend_levels
from aimkit.recipe import parse
from aimkit.synth.engine import Synthesizer
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.run import synthesize
from aimkit.synth.view import View
from aimkit.types import Sample


def recipe(**keys: Any) -> SynthRecipe:
    data: dict[str, Any] = {
        "kind": "synth",
        "seed": 5,
        "count": 6,
        "foregrounds": [{"source": "procedural", "generators": ["toy", "net", "bust"], "licence": "MIT"}],
        "backgrounds": [{"source": "procedural", "generators": ["material"]}],
        "placement": {"mode": "canvas", "height": 120, "width": 160, "scale": [0.4, 0.7]},
        "distractors": {"p": 1.0, "count": [2, 4]},
        "labels": {"kernel": 9},
    }
    return parse(SynthRecipe, data | keys, "test")


def of(sample: Sample, name: str) -> list[dict[str, Any]]:
    return [one for one in sample.meta["operations"] if one["name"] == name]


def sources(sample: Sample, role: str) -> list[dict[str, Any]]:
    return [one for one in sample.meta["sources"] if one["role"] == role]


def test_distractors_belong_to_the_background_and_change_nothing_else() -> None:
    with_them, without = Synthesizer(recipe()), Synthesizer(recipe(distractors={"p": 0.0}))
    for index in range(6):
        one, plain = with_them[index], without[index]
        for name in ("alpha", "foreground", "trimap", "label"):
            assert np.array_equal(getattr(one, name), getattr(plain, name)), name
        assert not np.array_equal(one.background, plain.background)
        assert np.array_equal(one.image, blend_levels(one.foreground, one.alpha, one.background))
        assert one.meta["composition_valid"]
        assert 2 <= len(of(one, "distractor")) <= 4
        assert len(sources(one, "distractor")) == len(of(one, "distractor"))
        assert all(row["licence"] == "generated" or row["licence"] for row in sources(one, "distractor"))


def test_the_background_differs_where_the_provenance_says_that_they_lie() -> None:
    keys = {"light": 0.0, "cut": 0.0, "behind": 0.0, "count": 1}
    with_them, without = (Synthesizer(recipe(distractors={"p": p, **keys})) for p in (1.0, 0.0))
    for index in range(6):
        one = with_them[index]
        changed = (one.background != without[index].background).any(axis=2)
        left, top, right, bottom = of(one, "distractor")[0]["box"]
        outside = changed.copy()
        outside[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2] = False
        assert changed.any()
        assert not outside.any()


def test_the_subject_is_never_its_own_distractor(tmp_path: Path) -> None:
    two = [{"source": "procedural", "generators": ["toy", "bust"]}]
    made = Synthesizer(recipe(foregrounds=two))
    for index in range(6):
        sample = made[index]
        (subject,) = {row["id"] for row in sources(sample, "foreground")}
        others = {row["id"] for row in sources(sample, "distractor")}
        assert others
        assert subject not in others
    alone = Synthesizer(recipe(foregrounds=[{"source": "procedural", "generators": ["toy"]}]))[0]
    assert not sources(alone, "distractor"), "there is no other"


def test_an_empty_sample_has_none() -> None:
    sample = Synthesizer(recipe(hard_cases={"background_only": 1.0}))[0]
    assert not of(sample, "distractor")
    assert not sample.alpha.any()


def test_what_is_everywhere_is_no_distractor() -> None:
    mixed = [{"source": "procedural", "generators": ["fog", "toy", "bust"]}]
    made = Synthesizer(recipe(foregrounds=mixed))
    found = {row["id"] for index in range(6) for row in sources(made[index], "distractor")}
    assert found <= {"toy/0", "bust/0"}
    with pytest.raises(AimkitError, match="no foreground can be a distractor"):
        Synthesizer(recipe(foregrounds=[{"source": "procedural", "generators": ["fog"]}]))


def test_farther_ones_are_smaller_and_more_out_of_focus() -> None:
    focus = {"p": 1.0, "radius": 20, "background": 1000}
    far, near = (
        [of(s, "distractor") for s in map(Synthesizer(recipe(focus=focus, distractors=keys)).sample, range(3))]
        for keys in ({"p": 1.0, "distance": 4, "size": 1}, {"p": 1.0, "distance": 1.2, "size": 1})
    )
    for distant, close in zip(far, near, strict=True):
        for a, b in zip(distant, close, strict=True):
            assert (a["blur"], b["blur"]) == (pytest.approx(2.4 * 0.75), pytest.approx(2.4 * (1 - 1 / 1.2), abs=1e-4))
            assert a["box"][3] - a["box"][1] < b["box"][3] - b["box"][1]


def test_the_nearest_lies_in_front() -> None:
    from aimkit.synth.layout import make_layout

    made = Synthesizer(recipe(focus={"p": 1.0, "radius": 20}))
    for index in range(6):
        blurs = [layer.blur for layer in make_layout(made.recipe, made._sources, index).distractors]
        assert blurs == sorted(blurs, reverse=True)


def test_a_reduced_window_shows_them_as_the_reduced_composite_does() -> None:
    from aimkit.data.reshape import resize

    def differences(**keys: Any) -> list[float]:
        made = Synthesizer(recipe(placement={"mode": "canvas", "height": 240, "width": 240}, **keys))
        found = []
        for index in range(2):
            exact = resize(made.sample(index), (80, 80))
            fast = made.window(index, lambda canvas, _: View(canvas, (80, 80), (0, 0), 1 / 3))
            found.append(float(np.abs(exact.background.astype(float) - fast.background).mean()))
        return found

    # The texture of the background differs most, and blur hides that.
    plain, others = differences(distractors=None), differences()
    assert all(b < a + 0.4 for a, b in zip(plain, others, strict=True))
    blurred = differences(focus={"p": 1.0, "radius": [5, 25], "background": 4})
    assert all(b < a + 0.2 for a, b in zip(plain, blurred, strict=True))


def test_a_dataset_counts_them_with_their_licences(tmp_path: Path) -> None:
    synthesize(recipe(count=3, output={"planes": True}), tmp_path / "out")
    rows = source_rows(total(open_dataset(tmp_path / "out").sidecars())["sources"])
    counted = {(role, name, licence) for role, name, licence, _, _ in rows}
    assert ("distractor", "procedural", "MIT") in counted
