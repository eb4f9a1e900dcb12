from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.matting.composite import composite
from aimkit.recipe import parse
from aimkit.synth.engine import Synthesizer
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.source import (
    BackgroundBlock,
    ForegroundBlock,
    Item,
    background_sources,
    foreground_sources,
)
from aimkit.types import Foreground, ImageType, Sample

PLANES = ("image", "alpha", "trimap", "label", "foreground", "background")


class Discs(ForegroundBlock):
    number: int = 5
    broken: tuple[int, ...] = ()
    colour: tuple[float, float, float] = (0.8, 0.3, 0.1)


class DiscSource:
    """Discs of a soft edge; the items named in ``broken`` can't be read."""

    def __init__(self, block: Discs) -> None:
        self.block = block
        self.items = [
            Item(f"disc{i}", block.title, ImageType(block.type), block.category, block.licence)
            for i in range(block.number)
        ]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        if position in self.block.broken:
            raise AimkitError("the file is truncated", f"disc{position}.png")
        y, x = np.mgrid[:60, :80]
        alpha = np.clip((12 + position - np.hypot(y - 30, x - 40)) / 4, 0, 1).astype(np.float32)
        color = np.broadcast_to(np.float32(self.block.colour), (60, 80, 3)).copy()
        return Foreground(color, alpha, self.items[position].type, self.block.category)


class Ramps(BackgroundBlock):
    number: int = 4


class RampSource:
    def __init__(self, block: Ramps) -> None:
        self.items = [Item(f"ramp{i}", block.title) for i in range(block.number)]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        ramp = np.linspace(0, 1, 50, dtype=np.float32)
        return np.dstack([np.tile(ramp * (position + 1) / 4, (40, 1))] * 3)


class MixedSource(DiscSource):
    """The first item is NS, whatever the block says."""

    def __init__(self, block: Discs) -> None:
        super().__init__(block)
        self.items[0] = replace(self.items[0], type=ImageType.NS)


foreground_sources.register("test_discs", params=Discs)(DiscSource)
foreground_sources.register("test_mixed", params=Discs)(MixedSource)
background_sources.register("test_ramps", params=Ramps)(RampSource)

ALL_STEPS = [
    {"step": "hsv_jitter", "p": 0.5},
    {"step": "affine", "p": 0.5},
    {"step": "blur_background", "p": 0.5, "kernels": [3, 4, 5]},
    {"step": "shared_noise", "p": 0.5},
    {"step": "shadow", "p": 0.5},
]


def recipe(**keys: Any) -> SynthRecipe:
    data: dict[str, Any] = {
        "kind": "synth",
        "seed": 3,
        "count": 12,
        "foregrounds": [{"source": "test_discs", "type": "SO"}],
        "backgrounds": [{"source": "test_ramps"}],
        "placement": {"mode": "canvas", "height": 48, "width": 64, "rotation": [-20, 20]},
        "labels": {"kernel": 7},
    }
    return parse(SynthRecipe, {**data, **keys}, "test")


def same(a: Sample, b: Sample) -> bool:
    return a.meta == b.meta and all(np.array_equal(getattr(a, p), getattr(b, p)) for p in PLANES)


def test_a_sample_depends_on_nothing_but_recipe_and_index() -> None:
    one, other = Synthesizer(recipe(steps=ALL_STEPS)), Synthesizer(recipe(steps=ALL_STEPS))
    backwards = {index: other[index] for index in reversed(range(len(other)))}
    for index in range(len(one)):
        assert same(one[index], backwards[index])
    assert not same(one[0], one[1])


def test_adding_a_step_leaves_the_draws_of_the_others_as_they_were() -> None:
    few = Synthesizer(recipe(steps=ALL_STEPS))
    many = Synthesizer(recipe(steps=[{"step": "gamma"}, *ALL_STEPS, {"step": "jpeg"}]))
    for index in range(6):
        kept = [o for o in many[index].meta["operations"] if o["name"] not in ("gamma", "jpeg")]
        assert kept == few[index].meta["operations"]


def test_shapes_dtypes_and_label_values() -> None:
    for sample in Synthesizer(recipe(steps=ALL_STEPS)):
        for plane in PLANES:
            values = getattr(sample, plane)
            assert values.dtype == np.uint8
            assert values.shape[:2] == (48, 64)
        assert set(np.unique(sample.trimap)) <= {0, 128, 255}


def test_the_stored_planes_meet_the_compositing_equation_to_the_last_rounding() -> None:
    keeps = [{"step": s} for s in ("shared_noise", "gamma", "contrast", "white_balance", "light_wrap", "motion_blur")]
    for sample in Synthesizer(recipe(steps=keeps)):
        assert sample.meta["composition_valid"]
        assert np.array_equal(composite(sample.foreground, sample.alpha, sample.background), sample.image)


def test_a_step_on_the_composite_or_linear_light_clears_composition_valid() -> None:
    assert not Synthesizer(recipe(steps=[{"step": "jpeg"}]))[0].meta["composition_valid"]
    assert not Synthesizer(recipe(blend="linear"))[0].meta["composition_valid"]
    assert Synthesizer(recipe(steps=[{"step": "jpeg", "p": 0}]))[0].meta["composition_valid"]


def test_enumerate_takes_every_foreground_repeat_times_in_a_pass_and_every_background_before_one_comes_again() -> None:
    made = Synthesizer(
        recipe(count=None, selection="enumerate", foregrounds=[{"source": "test_discs", "type": "SO", "repeat": 4}])
    )
    assert len(made) == 20
    for turn in range(2):
        samples = [made.sample(20 * turn + i) for i in range(20)]
        ids = Counter(s.meta["sources"][0]["id"] for s in samples)
        assert set(ids.values()) == {4}
        backgrounds = [s.meta["sources"][1]["id"] for s in samples]
        assert all(len(set(backgrounds[i : i + 4])) == 4 for i in range(0, 20, 4))


def test_pairing_once_repeats_the_backgrounds_of_the_first_pass() -> None:
    def pairs(pairing: str) -> list[set[tuple[str, str]]]:
        made = Synthesizer(
            recipe(
                count=None, selection="enumerate", pairing=pairing, backgrounds=[{"source": "test_ramps", "number": 50}]
            )
        )
        ids = [[s["id"] for s in made.sample(i).meta["sources"]] for i in range(10)]
        return [{id_[1] for id_ in ids[:5]}, {id_[1] for id_ in ids[5:]}]

    first, second = pairs("once")
    assert first == second
    first, second = pairs("fresh")
    assert first.isdisjoint(second)


def test_weights_and_balance_are_met() -> None:
    made = Synthesizer(
        recipe(
            count=600,
            balance={"SO": 1, "STM": 1, "NS": 2},
            placement={"mode": "canvas", "height": 8, "width": 8},
            foregrounds=[
                {"source": "test_discs", "name": "a", "type": "SO", "number": 50, "weight": 3},
                {"source": "test_discs", "name": "b", "type": "SO", "number": 2, "weight": 1},
                {"source": "test_discs", "type": "STM"},
                {"source": "test_discs", "type": "NS"},
            ],
        )
    )
    samples = list(made)
    types = Counter(str(s.type) for s in samples)
    assert types["NS"] == pytest.approx(300, abs=45)
    assert types["SO"] == pytest.approx(150, abs=40)
    names = Counter(s.meta["sources"][0]["source"] for s in samples if s.type == "SO")
    assert names["a"] / names["b"] == pytest.approx(3, abs=1.2)


def test_a_weight_of_zero_leaves_a_source_out() -> None:
    sources = [{"source": "test_discs", "name": name, "type": "SO"} for name in "ab"]
    sources[1]["weight"] = 0
    for selection in ("draw", "enumerate"):
        made = Synthesizer(recipe(count=20, selection=selection, foregrounds=sources))
        assert {sample.meta["sources"][0]["source"] for sample in made} == {"a"}
    with pytest.raises(AimkitError, match="every source has weight 0"):
        Synthesizer(recipe(foregrounds=[sources[1]]))


def test_balancing_types_does_not_blow_up_the_one_item_of_a_rare_type_in_a_large_source() -> None:
    """A source's weight is the share of its draws; a type that it hardly has stays rare within it."""
    made = Synthesizer(
        recipe(
            count=200,
            balance={"SO": 0, "NS": 1},
            placement={"mode": "canvas", "height": 8, "width": 8},
            foregrounds=[
                {"source": "test_mixed", "name": "rare", "number": 50, "weight": 5, "type": "SO"},
                {"source": "test_discs", "name": "usual", "type": "NS", "weight": 1},
            ],
        )
    )
    names = Counter(s.meta["sources"][0]["source"] for s in made)
    assert names["rare"] / 200 == pytest.approx(5 / 50 / (5 / 50 + 1), abs=0.07)


def test_a_broken_foreground_is_set_aside_and_another_takes_its_place() -> None:
    made = Synthesizer(recipe(foregrounds=[{"source": "test_discs", "type": "SO", "broken": [0, 1]}], count=40))
    quarantined = [q for s in made for q in s.meta.get("quarantined", [])]
    assert {q["id"] for q in quarantined} == {"disc0", "disc1"}
    assert quarantined[0]["error"] == "the file is truncated"
    used = {s.meta["sources"][0]["id"] for s in made}
    assert used == {"disc2", "disc3", "disc4"}


def test_when_nothing_can_be_read_the_error_says_so() -> None:
    made = Synthesizer(recipe(foregrounds=[{"source": "test_discs", "type": "SO", "broken": [0, 1, 2, 3, 4]}]))
    with pytest.raises(AimkitError, match="in a row can't be read; the last: the file is truncated"):
        made[0]


def test_layers_of_one_type_are_put_over_each_other() -> None:
    made = Synthesizer(
        recipe(
            foregrounds=[{"source": "test_discs", "type": "SO"}, {"source": "test_discs", "type": "STM"}],
            placement={"mode": "canvas", "height": 48, "width": 64, "layers": [0, 1]},
            count=30,
        )
    )
    for sample in made:
        types = [s["type"] for s in sample.meta["sources"] if s["role"] == "foreground"]
        assert types == [sample.type, sample.type]
        assert np.array_equal(composite(sample.foreground, sample.alpha, sample.background), sample.image)
    assert {sample.type for sample in made} == {ImageType.SO, ImageType.STM}


def test_background_only_samples_show_nothing_but_the_background() -> None:
    for sample in Synthesizer(recipe(hard_cases={"background_only": 1})):
        assert not sample.alpha.any()
        assert not sample.trimap.any()
        assert np.array_equal(sample.image, sample.background)


def test_a_similar_background_has_the_colours_of_the_foreground() -> None:
    plain = Synthesizer(recipe(steps=[]))
    alike = Synthesizer(recipe(hard_cases={"similar_background": 1}))
    distance = [
        np.abs(s.background.reshape(-1, 3).mean(0) - s.foreground[s.alpha == 255].mean(0)).mean()
        for made in (plain, alike)
        for s in made
    ]
    assert np.mean(distance[12:]) < 0.6 * np.mean(distance[:12])


def test_a_texture_swap_shows_a_background_within_the_matte_and_the_matte_stays() -> None:
    plain = Synthesizer(recipe())
    swapped = Synthesizer(recipe(hard_cases={"texture_swap": 1}))
    for own, other in zip(plain, swapped, strict=True):
        assert np.array_equal(own.alpha, other.alpha)
        assert np.array_equal(own.background, other.background)
        assert np.array_equal(composite(other.foreground, other.alpha, other.background), other.image)
        assert [s["role"] for s in other.meta["sources"]] == ["foreground", "texture", "background"]
        drawn = next(o for o in other.meta["operations"] if o["name"] == "texture_swap")
        # Ramps are grey: what is left of the disc's red and blue is the share that is still its own.
        red_minus_blue = (s.foreground[s.alpha == 255].astype(float) @ [1, 0, -1] for s in (own, other))
        before, after = (float(difference.mean()) for difference in red_minus_blue)
        assert after == pytest.approx((1 - drawn["share"]) * before, abs=1.5)


def test_what_has_no_outline_gets_no_texture_swap() -> None:
    webs = [{"source": "procedural", "generators": ["web"]}]
    for sample in Synthesizer(recipe(foregrounds=webs, hard_cases={"texture_swap": 1}, count=2)):
        assert sample.type is ImageType.NS
        assert "texture_swap" not in [o["name"] for o in sample.meta["operations"]]


def test_refraction_bends_the_stored_background_and_the_equation_holds() -> None:
    table = {"source": "procedural", "generators": [{"generator": "glass", "refraction": [0.3, 0.3]}]}
    clear = {"source": "procedural", "generators": [{"generator": "glass"}]}
    for index in range(2):
        bent, plain = (Synthesizer(recipe(foregrounds=[t]))[index] for t in (table, clear))
        assert "refraction" in [o["name"] for o in bent.meta["operations"]]
        assert not np.array_equal(bent.background, plain.background)
        assert bent.meta["composition_valid"]
        assert np.array_equal(composite(bent.foreground, bent.alpha, bent.background), bent.image)


def test_random_and_relative_label_kernels_are_stored_and_reproduce_the_trimap() -> None:
    from aimkit.matting.trimap import make_trimap

    made = Synthesizer(recipe(labels={"schedule": "random", "kernel": [40, 400], "relative": True}))
    kernels = [sample.meta["label"]["kernel"] for sample in made]
    assert len({tuple(k) for k in kernels}) > 6
    assert all(1 <= k <= 20 for pair in kernels for k in pair)
    for sample in made:
        stored = sample.meta["label"]
        assert np.array_equal(make_trimap(sample.alpha, stored["schedule"], tuple(stored["kernel"])), sample.trimap)


def test_stretch_keeps_the_size_of_the_foreground() -> None:
    sample = Synthesizer(recipe(placement={"mode": "stretch"}))[0]
    assert sample.size == (60, 80)
    assert sample.meta["size"] == [60, 80]


def test_count_and_output_do_not_change_a_sample() -> None:
    assert same(Synthesizer(recipe(count=1))[0], Synthesizer(recipe(count=99, output={"format": "parquet"}))[0])


def test_an_index_out_of_range_is_an_index_error_but_sample_goes_on() -> None:
    made = Synthesizer(recipe(count=2))
    with pytest.raises(IndexError):
        made[2]
    assert made.sample(2).meta["index"] == 2


def test_balance_for_a_type_that_is_not_there_is_told() -> None:
    with pytest.raises(AimkitError, match="balance asks for NS"):
        Synthesizer(recipe(balance={"NS": 1}))
