from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aimkit.recipe import parse
from aimkit.synth.engine import Synthesizer
from aimkit.synth.noise import noise
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.steps import steps
from aimkit.synth.view import View
from aimkit.types import Sample

PLANES = ("image", "alpha", "trimap", "label", "foreground", "background")
WINDOWS = [((40, 60), (0, 0)), ((64, 64), (37, 51)), ((50, 33), (110, 170)), ((160, 220), (0, 0))]


def synthesizer(**keys: Any) -> Synthesizer:
    data: dict[str, Any] = {
        "kind": "synth",
        "seed": 3,
        "foregrounds": [{"source": "procedural", "generators": ["toy", "net", "fog"]}],
        "backgrounds": [{"source": "procedural", "generators": ["material"]}],
        "placement": {"mode": "canvas", "height": 160, "width": 220, "rotation": [-20, 20], "scale": [0.6, 1.2]},
        "labels": {"kernel": 9},
    }
    return Synthesizer(parse(SynthRecipe, {**data, **keys}, "test"))


def window(size: tuple[int, int], offset: tuple[int, int]) -> Any:
    return lambda canvas, transition: View(canvas, size, offset)


def same_part(part: Sample, whole: Sample, offset: tuple[int, int]) -> None:
    for name in PLANES:
        expected = getattr(whole, name)[offset[0] :, offset[1] :][: part.size[0], : part.size[1]]
        assert np.array_equal(getattr(part, name), expected), name


#: Steps whose blocks need more than a name.
PARAMETERS = {"resize_foreground": {"height": 90, "width": 120}, "blur_background": {"kernels": [6, 9, 20]}}


@pytest.mark.parametrize("name", [entry.name for entry in steps])
def test_a_window_equals_its_part_of_the_whole_whatever_the_step(name: str) -> None:
    step = {"step": name, **PARAMETERS.get(name, {})}
    made = synthesizer(steps=[step])
    for index in range(2):
        whole = made.sample(index)
        for size, offset in WINDOWS[:3]:
            part = made.window(index, window(size, offset))
            same_part(part, whole, offset)
            assert part.meta == {**whole.meta, "size": list(size)}


@pytest.mark.parametrize("kernel", ["auto", "nearest", "linear", "cubic", "lanczos", "area"])
def test_a_window_equals_its_part_of_the_whole_whatever_the_kernel(kernel: str) -> None:
    placement = {"mode": "canvas", "height": 160, "width": 220, "rotation": [-30, 30], "shear": [-5, 5]}
    made = synthesizer(placement={**placement, "kernels": [kernel], "layers": [0, 1], "overhang": 0.3})
    whole = made.sample(4)
    for size, offset in WINDOWS:
        same_part(made.window(4, window(size, offset)), whole, offset)


@pytest.mark.parametrize(
    "keys",
    [
        {"labels": {"kernel": [4, 60], "schedule": "distance"}},
        {"labels": {"kernel": [50, 120], "schedule": "random", "relative": True}},
        {"hard_cases": {"background_only": 1}},
        {"hard_cases": {"similar_background": 1}},
        {"hard_cases": {"texture_swap": 1}},
        {"distractors": {"p": 1, "count": 4}, "focus": {"p": 1, "radius": [10, 60], "background": 3}},
        {"distractors": {"p": 1, "count": 4}, "focus": {"p": 1, "radius": 40, "missed": 1}},
        {
            "placement": {
                "mode": "mixture",
                "height": 160,
                "width": 220,
                "modes": [{"mode": "canvas", "area": [0.1, 0.9], "cut": 1}, {"mode": "canvas", "spread": 0}],
            }
        },
        {"blend": "linear"},
        {"placement": {"mode": "stretch", "height": 160, "width": 220}},
        {
            "placement": {
                "mode": "canvas",
                "height": 160,
                "width": 220,
                "scale": [0.3, 0.6],
                "layers": [0, 1],
                "together": True,
                "foot": [0.6, 0.8],
                "max_enlargement": 1.2,
            }
        },
        {"foregrounds": [{"source": "procedural", "generators": [{"generator": "glass", "refraction": [0.3, 0.3]}]}]},
    ],
)
def test_a_window_equals_its_part_of_the_whole_whatever_the_recipe(keys: dict[str, Any]) -> None:
    shadow = {"step": "shadow", "ground": 0.3}
    made = synthesizer(**keys, steps=[{"step": "shared_noise"}, {"step": "defocus"}, {"step": "contrast"}, shadow])
    for index in range(2):
        whole = made.sample(index)
        for size, offset in WINDOWS:
            same_part(made.window(index, window(size, offset)), whole, offset)


def test_a_reduced_window_is_close_to_the_reduced_composite() -> None:
    """Fast mode: averaging before blending instead of after it. What it costs is bounded here."""
    from aimkit.data.reshape import resize

    made = synthesizer(
        placement={"mode": "canvas", "height": 480, "width": 480, "scale": [0.8, 1.0]}, labels={"kernel": 21}
    )
    for index in range(4):
        exact = resize(made.window(index, window((384, 384), (48, 60))), (128, 128))
        fast = made.window(index, lambda canvas, _: View(canvas, (128, 128), (48 / 3, 60 / 3), 1 / 3))
        assert fast.size == exact.size
        for name, mean, many in (("alpha", 1.5, 40), ("image", 2.5, 40)):
            difference = np.abs(getattr(exact, name).astype(float) - getattr(fast, name))
            assert difference.mean() < mean, name
            assert np.percentile(difference, 99) < many, name
        assert (exact.label != fast.label).mean() < 0.06


def test_noise_by_position_is_gaussian_white_and_reduced_as_averaging_would() -> None:
    canvas = (1200, 1500)
    whole = noise(View.whole(canvas), np.random.default_rng(3))
    assert abs(whole.mean()) < 2e-3
    assert whole.std() == pytest.approx(1, abs=3e-3)
    assert np.mean(np.abs(whole) < 1) == pytest.approx(0.6827, abs=2e-3)
    assert np.mean(whole**4) == pytest.approx(3, abs=0.03)
    for moved in (whole[1:] * whole[:-1], whole[:, 3:] * whole[:, :-3], whole[..., 1:] * whole[..., :-1]):
        assert abs(moved.mean()) < 4e-3
    part = noise(View(canvas, (100, 90), (1015, 37)), np.random.default_rng(3))
    assert np.array_equal(part, whole[1015:1115, 37:127])
    reduced = noise(View(canvas, (400, 500), (0, 0), 1 / 3), np.random.default_rng(3))
    assert reduced.std() == pytest.approx(1 / 3, rel=0.02)


def test_the_transition_lies_where_the_label_is_unknown() -> None:
    made = synthesizer()
    seen = []
    for index in range(6):

        def choose(canvas: tuple[int, int], transition: Any) -> View:
            seen.append(transition())
            return View.whole(canvas)

        sample = made.window(index, choose)
        weights = seen[-1]
        assert weights.shape == sample.size
        assert (sample.label[weights > 0.05] == 128).mean() > 0.95


def test_padding_a_view_stays_on_the_canvas_and_cutting_undoes_it() -> None:
    plane = np.arange(100 * 140).reshape(100, 140)
    for offset in ((0, 0), (33, 7), (60, 100)):
        view = View((100, 140), (40, 40), offset)
        padded = view.padded(13)
        (top, left), (height, width) = padded.offset, padded.size
        assert min(top, left) >= 0
        assert top + height <= 100
        assert left + width <= 140
        inner = view.cut(plane[int(top) : int(top) + height, int(left) : int(left) + width], padded)
        assert np.array_equal(inner, plane[offset[0] : offset[0] + 40, offset[1] : offset[1] + 40])
    assert View((100, 140), (20, 30), (5, 7), 0.5).padded(1000).size == (50, 70)
