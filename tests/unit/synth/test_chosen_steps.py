from __future__ import annotations

import numpy as np
import pytest

from aimkit.recipe import parse
from aimkit.synth.chosen_steps import PendingStep, choose_steps, draw_steps
from aimkit.synth.provenance import Provenance
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.scene import Scene
from aimkit.synth.steps import steps
from aimkit.synth.view import View
from aimkit.types import ImageType


def recipe(*tables: dict[str, object]) -> SynthRecipe:
    data = {
        "kind": "synth",
        "foregrounds": [{"source": "procedural", "generators": ["toy"]}],
        "backgrounds": [{"source": "procedural", "generators": ["gradient"]}],
        "placement": {"mode": "canvas"},
        "steps": list(tables),
    }
    return parse(SynthRecipe, data, "test")


def scene() -> Scene:
    plane = np.random.default_rng(0).random((20, 30, 3), np.float32)
    return Scene(plane, plane[..., 0], 1 - plane)


def test_a_step_is_chosen_as_often_as_its_probability_says_and_only_at_its_stage() -> None:
    made = recipe({"step": "gamma", "p": 0.3}, {"step": "jpeg"})
    chosen = [choose_steps(made, index, "planes") for index in range(1000)]
    assert {one.step.step for steps_of_sample in chosen for one in steps_of_sample} == {"gamma"}
    assert sum(map(len, chosen)) == pytest.approx(300, abs=50)
    assert [one.position for one in choose_steps(made, 0, "image")] == [1]


def test_each_occurrence_layer_and_sample_has_draws_of_its_own() -> None:
    made = recipe({"step": "hsv_jitter"}, {"step": "hsv_jitter"})
    drawn = [
        one.draw(scene()).params.values["hue"]
        for index in range(3)
        for layer in range(2)
        for one in choose_steps(made, index, "layer", layer)
    ]
    assert len(set(drawn)) == 12


def test_a_chosen_step_draws_the_same_for_every_view() -> None:
    [chosen] = choose_steps(recipe({"step": "defocus"}), 0, "planes")
    whole, again, half = scene(), scene(), scene()
    half.view = View((40, 60), (20, 30), scale=0.5)
    records = [chosen.draw(one).params.record for one in (whole, again, half)]
    assert records[0] == records[1] == records[2]


def test_drawing_notes_operations_in_their_order_and_what_breaks_the_equation() -> None:
    made = recipe(
        {"step": "shared_noise", "sigma": 3}, {"step": "gamma", "gamma": 1.2}, {"step": "jpeg", "quality": 80}
    )
    provenance = Provenance()
    draw_steps(choose_steps(made, 0, "planes"), scene(), provenance, layer=1)
    assert provenance.operations == [
        {"name": "shared_noise", "layer": 1, "sigma": 3.0},
        {"name": "gamma", "layer": 1, "gamma": 1.2},
    ]
    assert provenance.valid
    continued = Provenance(provenance)
    draw_steps(choose_steps(made, 0, "image"), scene(), continued)
    assert continued.operations[2:] == [{"name": "jpeg", "quality": 80}]
    assert (provenance.valid, continued.valid) == (True, False)
    assert len(provenance.operations) == 2


def test_nothing_is_applied_where_nothing_was_drawn_to_apply() -> None:
    fog, nothing = scene(), scene()
    fog.type = ImageType.NS
    nothing.alpha = np.zeros_like(nothing.alpha)
    for name, target in (("shadow", fog), ("match_histogram", nothing)):
        step = parse(steps.get(name).value, {"step": name}, name)
        params = step.draw(target, np.random.default_rng(0))
        assert params.values == {}
        before = dict(target.planes)
        PendingStep(step, 0, params).apply(target)
        assert target.planes == before
