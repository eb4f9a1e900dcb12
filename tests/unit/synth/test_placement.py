from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.generators import generators
from aimkit.recipe import find, parse
from aimkit.synth import geometry
from aimkit.synth.placement import Placement, PlacementMode, placements
from aimkit.synth.placement.canvas import Canvas
from aimkit.synth.placement.stretch import Stretch
from aimkit.synth.pyramid import ImagePyramid, border_contact, bounding_box
from aimkit.synth.view import View
from aimkit.toml_files import read_toml
from aimkit.types import Foreground, ImageType


def foreground(box: tuple[int, int, int, int], kind: ImageType = ImageType.SO) -> Foreground:
    left, top, right, bottom = box
    alpha = np.zeros((100, 80), np.float32)
    alpha[top:bottom, left:right] = 1
    return Foreground(np.full((100, 80, 3), 0.5, np.float32), alpha, kind)


def place_foreground(params: PlacementMode, source: Foreground, size: tuple[int, int], rng: np.random.Generator):
    """A foreground at its place, as the engine brings it there."""
    pixels = ImagePyramid(source.color, source.alpha)
    place = params.place_foreground(pixels, source.type, size, rng)
    if place.matrix is None:
        return replace(source, color=np.zeros((*size, 3), np.float32), alpha=np.zeros(size, np.float32)), place.record
    color, alpha = geometry.render(pixels, place.matrix, View.whole(size), place.kernel)
    return replace(source, color=color, alpha=alpha), place.record


def place_background(params: PlacementMode, image: np.ndarray, size: tuple[int, int], rng: np.random.Generator):
    place = params.place_background(image.shape[:2], size, rng)
    return geometry.render(ImagePyramid(image), place.matrix, View.whole(size), place.kernel)[0], place.record


def place(box: tuple[int, int, int, int], seed: int = 0, kind: ImageType = ImageType.SO, **keys: object):
    params = parse(Canvas, {"mode": "canvas", **keys}, "test")
    placed, drawn = place_foreground(params, foreground(box, kind), (120, 160), np.random.default_rng(seed))
    return placed.color, placed.alpha, drawn


def test_a_free_foreground_stays_inside_and_has_the_drawn_scale() -> None:
    for seed in range(20):
        _, alpha, drawn = place((20, 30, 60, 70), seed, scale=[0.4, 0.9])
        left, top, right, bottom = bounding_box(alpha, 0.5)
        assert left >= 0
        assert right <= 160
        assert max((right - left) / 160, (bottom - top) / 120) == pytest.approx(drawn["scale"], abs=0.02)


@pytest.mark.parametrize("rotation", [0, 30])
def test_a_rotated_foreground_fits_too(rotation: float) -> None:
    for seed in range(10):
        _, alpha, _ = place((20, 30, 60, 40), seed, scale=[0.99, 0.99], rotation=[rotation, rotation])
        assert alpha.sum() == pytest.approx(
            place((20, 30, 60, 40), seed + 50, scale=[0.99, 0.99], rotation=[rotation, rotation])[1].sum(), rel=0.02
        )


@pytest.mark.parametrize(("box", "side"), [((20, 30, 60, 100), 3), ((20, 0, 60, 50), 1)])
def test_a_foreground_cut_off_by_its_photo_stays_cut_off(box: tuple[int, int, int, int], side: int) -> None:
    for seed in range(20):
        _, alpha, drawn = place(box, seed, scale=[0.3, 0.9], rotation=[-30, 30])
        contact = border_contact(alpha)
        assert contact[side]
        assert not contact[(side + 2) % 4]
        assert drawn["rotation"] == 0


def test_left_contact_becomes_right_contact_when_flipped() -> None:
    for seed in range(10):
        _, alpha, drawn = place((0, 30, 40, 60), seed, scale=[0.4, 0.6])
        assert border_contact(alpha)[2 if drawn["flip"] else 0]


def test_a_foreground_cut_off_on_both_sides_reaches_from_border_to_border() -> None:
    _, alpha, _ = place((0, 40, 80, 60), scale=[0.3, 0.3])
    assert border_contact(alpha)[0]
    assert border_contact(alpha)[2]


def test_a_non_salient_foreground_covers_the_canvas() -> None:
    for seed in range(10):
        _, alpha, _ = place((0, 0, 80, 100), seed, kind=ImageType.NS)
        assert alpha.min() == 1


def test_an_empty_foreground_gives_an_empty_plane() -> None:
    _, alpha, drawn = place((5, 5, 5, 5))
    assert not alpha.any()
    assert drawn == {"empty": True}


def test_stretch_leaves_the_foreground_alone_and_stretches_the_background() -> None:
    params, source = Stretch(mode="stretch"), foreground((20, 30, 60, 70))
    placed, _ = place_foreground(params, source, (100, 80), np.random.default_rng(0))
    assert np.array_equal(placed.color, source.color)
    assert np.array_equal(placed.alpha, source.alpha)
    ramp = np.broadcast_to(np.linspace(0, 1, 10, dtype=np.float32)[:, None, None], (10, 5, 3))
    background, _ = place_background(params, ramp, (100, 80), np.random.default_rng(0))
    assert background.shape == (100, 80, 3)
    assert background[0, 0, 0] == 0
    assert background[-1, -1, 0] == 1


def test_a_background_is_cropped_and_never_out_of_aspect() -> None:
    y, x = np.mgrid[:90, :200].astype(np.float32)
    image = np.dstack([x / 200, y / 200, x * 0])
    for seed in range(10):
        placed, drawn = place_background(Canvas(mode="canvas"), image, (120, 160), np.random.default_rng(seed))
        per_x = np.abs(np.diff(placed[60, 20:140, 0])).mean()
        per_y = np.abs(np.diff(placed[20:100, 80, 1])).mean()
        assert per_x == pytest.approx(per_y, rel=0.06)
        assert drawn["crop"][2] <= 200


def test_a_one_pixel_background_serves() -> None:
    placed, _ = place_background(
        Canvas(mode="canvas"), np.full((1, 1, 3), 0.3, np.float32), (12, 16), np.random.default_rng(0)
    )
    assert np.allclose(placed, 0.3)


def test_canvas_size_is_drawn_from_its_ranges() -> None:
    params = Canvas(mode="canvas", height=(10, 20), width=(30, 30))
    sizes = {params.canvas_size(np.random.default_rng(seed)) for seed in range(100)}
    assert {height for height, _ in sizes} == set(range(10, 21))
    assert {width for _, width in sizes} == {30}


def drawn_place(
    box: tuple[int, int, int, int],
    seed: int,
    front: Placement | None = None,
    kind: ImageType = ImageType.SO,
    floats: bool = False,
    **keys: object,
) -> Placement:
    params = parse(Canvas, {"mode": "canvas", **keys}, "test")
    source = foreground(box, kind)
    pixels = ImagePyramid(source.color, source.alpha)
    return params.place_foreground(pixels, source.type, (300, 400), np.random.default_rng(seed), front, floats)


@pytest.mark.parametrize("box", [(20, 30, 60, 70), (20, 30, 60, 100), (20, 0, 60, 70)])
def test_enlargement_is_bounded(box: tuple[int, int, int, int]) -> None:
    """Free, cut off below, cut off above; the bounding box of 40 pixels would be enlarged about sevenfold."""
    for seed in range(10):
        keys = {"scale": [0.95, 0.95], "rotation": [-30, 30], "foot": [0.9, 0.9]}
        for limit, expected in ((None, None), (1.5, 1.5), (100, None)):
            matrix = drawn_place(box, seed, **keys, max_enlargement=limit).matrix
            assert matrix is not None
            factor = np.linalg.svd(matrix[:, :2])[1].max()
            assert factor == pytest.approx(expected, abs=1e-9) if expected else factor > 3


def test_what_reaches_from_border_to_border_does_so_whatever_the_limit() -> None:
    matrix = drawn_place((0, 40, 80, 60), 0, max_enlargement=1.5).matrix
    assert matrix is not None
    assert abs(matrix[0, 0]) == pytest.approx(402 / 80)


@pytest.mark.parametrize("kind", [ImageType.SO, ImageType.STM])
def test_a_foreground_stands_on_the_drawn_row(kind: ImageType) -> None:
    for seed in range(10):
        place = drawn_place((20, 30, 60, 70), seed, kind=kind, foot=[0.8, 0.8], scale=[0.5, 0.5])
        assert place.matrix is not None
        assert place.matrix[1] @ (40, 70, 1) == pytest.approx(240)
        assert place.record["foot"] == 0.8


def test_a_foreground_too_tall_for_its_row_keeps_its_head_on_the_canvas() -> None:
    place = drawn_place((20, 30, 60, 70), 0, foot=[0.5, 0.5], scale=[1, 1])
    assert place.matrix is not None
    assert place.matrix[1] @ (40, 30, 1) == pytest.approx(0)


def test_what_hangs_in_from_above_reaches_its_row() -> None:
    place = drawn_place((30, 0, 50, 60), 0, foot=[0.9, 0.9], scale=[0.2, 0.2])
    assert place.matrix is not None
    assert place.matrix[1] @ (40, 60, 1) == pytest.approx(0.9 * 300 - 1)


def test_what_floats_by_nature_floats() -> None:
    places = [
        drawn_place((20, 30, 60, 70), seed, kind=ImageType.STM, floats=True, foot=[0.9, 0.9], scale=[0.3, 0.3])
        for seed in range(20)
    ]
    assert all("foot" not in place.record for place in places)
    assert np.ptp([place.foot for place in places]) > 0.3


def test_what_is_seen_through_and_cut_off_above_hangs_as_large_as_drawn() -> None:
    place = drawn_place((30, 0, 50, 60), 0, kind=ImageType.STM, foot=[0.9, 0.9], scale=[0.2, 0.2])
    assert place.matrix is not None
    assert place.scale == pytest.approx(0.2)
    assert place.matrix[1] @ (40, 0, 1) == pytest.approx(-1)


def test_nothing_stands_beside_what_floats() -> None:
    keys = {"kind": ImageType.STM, "together": True, "scale": [0.3, 0.3], "foot": [0.9, 0.9]}
    for seed in range(10):
        bubble = drawn_place((20, 30, 60, 70), seed, floats=True, **keys)
        behind = drawn_place((10, 20, 40, 80), seed + 100, bubble, **keys)
        assert behind.foot == pytest.approx(0.9)
        # Nor does a bubble behind a glass stand beside it.
        glass = drawn_place((10, 20, 40, 80), seed, **keys)
        assert "foot" not in drawn_place((20, 30, 60, 70), seed, glass, floats=True, **keys).record


def test_further_foregrounds_are_about_as_large_as_the_first_and_stand_on_about_its_line() -> None:
    keys = {"together": True, "scale": [0.1, 1.0], "foot": [0.5, 1.0]}
    for seed in range(20):
        front = drawn_place((20, 30, 60, 70), seed, **keys)
        back = drawn_place((10, 20, 40, 80), seed + 100, front, **keys)
        assert 0.7 <= back.scale / front.scale <= 1
        assert front.foot - 0.05 <= back.foot <= front.foot or back.foot == pytest.approx(back.scale)
        # What stands farther away is smaller and higher up.
        assert (front.foot - back.foot) / 0.05 == pytest.approx((1 - back.scale / front.scale) / 0.3, abs=1e-6)


def test_places_without_the_new_keys_are_drawn_as_before() -> None:
    front = drawn_place((20, 30, 60, 70), 0)
    alone, behind = (drawn_place((10, 20, 40, 80), 1, given) for given in (None, front))
    assert np.array_equal(alone.matrix, behind.matrix)
    assert "foot" not in alone.record


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"scale": [0.9, 0.3]}, r"\[0.9, 0.3\] is reversed"),
        ({"scale": [0, 0.3]}, "0 is not between 0.01 and 10"),
        ({"height": [20, 10]}, "height"),
        ({"layers": [0]}, "layers"),
        ({"kernels": []}, "kernels"),
        ({"rotatoin": 1}, "did you mean 'rotation'"),
    ],
)
def test_bad_keys_are_told(keys: dict[str, object], message: str) -> None:
    with pytest.raises(AimkitError, match=message):
        parse(Canvas, {"mode": "canvas", **keys}, "test")


def test_natural_lets_only_what_floats_by_nature_float() -> None:
    """Its canvas is that of the recipe; the foregrounds are free of borders, as cut-outs and generators make them."""
    recipe = read_toml(find("synth/natural"))["placement"]
    params = parse(Canvas, recipe, "natural")
    source = foreground((20, 30, 60, 70), ImageType.STM)
    pixels = ImagePyramid(source.color, source.alpha)
    feet = {}
    for floats in (False, True):
        feet[floats] = [
            params.place_foreground(pixels, source.type, (600, 600), np.random.default_rng(seed), None, floats).foot
            for seed in range(40)
        ]
    assert min(feet[False]) >= 0.85 - 1e-6
    assert min(feet[True]) < 0.7
    floating = {entry.name for entry in generators if entry.info.floats}
    assert floating == {"bubble", "smoke", "splash", "thin_motion", "veil"}


def share(drawn_box: tuple[int, int, int, int]) -> float:
    left, top, right, bottom = drawn_box
    return (right - left) * (bottom - top) / (120 * 160)


def test_area_is_the_share_of_the_canvas_that_the_bounding_box_covers() -> None:
    found = []
    for seed in range(60):
        _, alpha, drawn = place((20, 30, 60, 60), seed, area=[0.05, 0.6])
        box = bounding_box(alpha, 0.5)
        assert share(box) == pytest.approx(drawn["area"], rel=0.12)
        found.append(drawn["area"])
    assert 0.05 <= min(found) < 0.07
    assert 0.5 < max(found) <= 0.6
    # Evenly on a logarithmic scale: half lie below the geometric mean.
    assert np.mean(np.array(found) < np.sqrt(0.05 * 0.6)) == pytest.approx(0.5, abs=0.15)


def test_a_box_of_another_shape_is_as_large_as_fits() -> None:
    for seed in range(5):
        _, alpha, drawn = place((38, 10, 42, 90), seed, area=0.9, flip=0)
        left, top, right, bottom = bounding_box(alpha, 0.5)
        assert bottom - top == pytest.approx(120, abs=2)
        assert right - left < 10
        assert drawn["scale"] == 1


def test_what_its_photo_cuts_off_is_never_a_scrap() -> None:
    for seed in range(5):
        _, alpha, drawn = place((20, 60, 60, 100), seed, area=0.01)
        assert drawn["scale"] == 0.5
        assert bounding_box(alpha, 0.5)[3] == 120, "it stays at its border"


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_a_cut_foreground_lies_behind_that_border_by_its_share(side: str) -> None:
    for seed in range(5):
        _, alpha, drawn = place(
            (20, 30, 60, 70), seed, scale=0.5, cut=1, cut_sides=[side], cut_share=0.25, foot=[0.5, 0.9]
        )
        assert (drawn["cut"], drawn["cut_share"]) == (side, 0.25)
        left, top, right, bottom = bounding_box(alpha, 0.5)
        assert {"left": left, "top": top, "right": 160 - right, "bottom": 120 - bottom}[side] == 0
        seen = right - left if side in ("left", "right") else bottom - top
        assert seen == pytest.approx(0.75 * 60, abs=2)


def test_a_foreground_is_cut_by_chance_and_not_where_its_photo_does_it() -> None:
    cut = ["cut" in place((20, 30, 60, 70), seed, scale=0.4, cut=0.4)[2] for seed in range(100)]
    assert sum(cut) == pytest.approx(40, abs=13)
    _, alpha, _ = place((20, 60, 60, 100), 1, scale=0.5, cut=1, cut_sides=["top"], cut_share=0.3)
    assert bounding_box(alpha, 0.5)[3] == 120
    assert bounding_box(alpha, 0.5)[1] > 0


def test_spread_keeps_the_foreground_in_the_middle() -> None:
    def middles(spread: float) -> np.ndarray:
        boxes = [bounding_box(place((20, 30, 60, 70), seed, scale=0.3, spread=spread)[1], 0.5) for seed in range(20)]
        return np.array([((box[0] + box[2]) / 2 - 80, (box[1] + box[3]) / 2 - 60) for box in boxes])

    assert np.abs(middles(0)).max() <= 1
    assert 5 < np.abs(middles(0.3)).max() < 0.3 * 80
    assert np.abs(middles(1)).max() > 40


def test_keys_that_are_left_out_change_no_draw() -> None:
    """Recipes from before these keys give the same samples."""
    params = parse(Canvas, {"mode": "canvas", "scale": [0.3, 0.9], "foot": [0.7, 0.9]}, "test")
    dumped = {name: value for name, value in params.model_dump().items() if value is not None}
    assert not {"area", "spread", "cut", "cut_sides", "cut_share", "weight"} & set(dumped)
    _, record = place_foreground(params, foreground((20, 30, 60, 70)), (120, 160), np.random.default_rng(4))
    assert record["scale"] == pytest.approx(0.3 + 0.6 * np.random.default_rng(4).random(), abs=1e-4)


def mixture(**keys: object) -> PlacementMode:
    table = {
        "mode": "mixture",
        "height": [100, 120],
        "width": 160,
        "modes": [{"mode": "canvas", "scale": 0.2, "weight": 3.0}, {"mode": "canvas", "scale": 0.8, "layers": [0, 1]}],
    }
    return parse(placements.get("mixture").value, table | keys, "test")


def test_a_mixture_draws_its_modes_by_weight() -> None:
    params = mixture()
    drawn = [params.chosen(np.random.default_rng(seed)) for seed in range(400)]
    assert sum(mode.scale == (0.2, 0.2) for mode, _ in drawn) == pytest.approx(300, abs=30)
    assert all(mode is params.modes[record["number"]] for mode, record in drawn)
    assert params.modes[1].layers == (0, 1)
    assert {params.canvas_size(np.random.default_rng(seed))[1] for seed in range(5)} == {160}


@pytest.mark.parametrize(
    ("modes", "text"),
    [
        ([], "at least 1"),
        ([{"mode": "canvas", "weight": 0}], "weight above 0"),
        ([{"mode": "mixture", "modes": [{"mode": "canvas"}]}], "part of a mixture"),
        ([{"mode": "canvass"}], "did you mean 'canvas'"),
    ],
)
def test_a_mixture_that_can_not_be_drawn_from_is_refused(modes: list[object], text: str) -> None:
    with pytest.raises(AimkitError, match=text):
        mixture(modes=modes)
