from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.matting.composite import blend
from aimkit.recipe import find, parse
from aimkit.synth.steps import Scene, Step, steps
from aimkit.synth.steps.color import matching_curve
from aimkit.synth.steps.lens import disc, streak
from aimkit.toml_files import read_toml
from aimkit.types import ImageType, to_float, to_uint8

NAMES = steps.list()

#: The test scene is so small that a default of some thousandths of its side is no change at all.
VISIBLE = {"defocus": {"radius": [60, 60]}}


def scene(seed: int = 0, size: tuple[int, int] = (48, 64)) -> Scene:
    draw = np.random.default_rng(seed)
    smooth = draw.random((2, 6, 8, 3), np.float32).repeat(8, axis=1).repeat(8, axis=2)
    y, x = np.mgrid[: size[0], : size[1]]
    alpha = np.clip((18 - np.hypot(y - 24, x - 32)) / 6, 0, 1).astype(np.float32)
    result = Scene(smooth[0].copy(), alpha, smooth[1].copy(), ImageType.SO)
    result.image = blend(result.foreground, result.alpha, result.background)
    return result


def apply(name: str, target: Scene, seed: int = 1, **keys: object) -> dict[str, object]:
    step = parse(steps.get(name).value, {"step": name, **keys}, name)
    params = step.draw(target, np.random.default_rng(seed))
    step.apply(target, params)
    return params.record


@pytest.mark.parametrize("name", NAMES)
def test_every_step_keeps_shapes_and_range_and_repeats_itself(name: str) -> None:
    first, second, before = scene(), scene(), scene()
    drawn = apply(name, first, **VISIBLE.get(name, {}))
    assert apply(name, second, **VISIBLE.get(name, {})) == drawn
    for plane in ("foreground", "alpha", "background", "image"):
        values = getattr(first, plane)
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1
        assert np.array_equal(values, getattr(second, plane))
        if name != "resize_foreground":
            assert values.shape == getattr(before, plane).shape
    assert any(
        not np.array_equal(getattr(first, p), getattr(before, p))
        for p in ("foreground", "alpha", "background", "image")
    )


@pytest.mark.parametrize("name", NAMES)
def test_only_steps_on_the_image_touch_it_and_those_that_touch_it_alone_break_the_equation(name: str) -> None:
    step, target, before = steps.get(name).value, scene(), scene()
    apply(name, target)
    if step.stage == "image":
        assert not step.keeps_equation
        assert not np.array_equal(target.image, before.image)
    else:
        assert step.keeps_equation
        assert np.array_equal(target.image, before.image)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_a_class_with_a_summary_that_documents_its_keys(name: str) -> None:
    entry = steps.get(name)
    assert issubclass(entry.value, Step)
    assert entry.value.stage in ("foreground", "layer", "planes", "image")
    summary, _, rest = inspect.cleandoc(entry.value.__doc__ or "").partition("\n")
    assert summary.endswith(".")
    for key in entry.value.model_fields.keys() - Step.model_fields.keys():
        assert f"\n    {key}: " in rest, key


@pytest.mark.parametrize("name", NAMES)
def test_drawing_changes_nothing_and_does_not_depend_on_the_planes_beside_the_overview(name: str) -> None:
    """All steps of a stage are drawn before the first of them is applied; the order must not matter."""
    step = parse(steps.get(name).value, {"step": name}, name)
    target, other = scene(0), scene(0)
    target.overview, other.overview = (scene(1), scene(1)) if step.overview else (None, None)
    before = dict(target.planes)
    for plane in ("foreground", "background", "image"):
        setattr(other, plane, 1 - getattr(other, plane))
    first, second = (step.draw(one, np.random.default_rng(2)) for one in (target, other))
    assert all(target.planes[plane] is values for plane, values in before.items())
    assert first.record == second.record
    assert first.values.keys() == second.values.keys()
    assert all(np.array_equal(value, second.values[key]) for key, value in first.values.items())


def test_the_centred_box_blur_does_not_move_the_background_and_the_references_does() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[None, :, None], (48, 64, 3))
    shifts = []
    for centered in (True, False):
        target = scene()
        target.background = ramp.copy()
        apply("blur_background", target, kernels=[20], centered=centered)
        shifts.append(float((target.background - ramp)[24, 22:42, 0].mean() * 63))
    assert shifts[0] == pytest.approx(0, abs=0.1)
    assert abs(shifts[1]) == pytest.approx(0.5, abs=0.1)


def test_shared_noise_is_the_same_on_both_planes_and_never_wraps() -> None:
    target, before = scene(), scene()
    target.foreground[:] = before.foreground[:] = 0.5
    target.background[:] = before.background[:] = 0.4
    apply("shared_noise", target)
    noise = target.foreground - before.foreground
    assert np.abs(noise - (target.background - before.background)).max() < 1.01 / 255
    assert noise.std() * 255 == pytest.approx(10, rel=0.05)
    bright = scene()
    bright.foreground[:] = bright.background[:] = 1.0
    apply("shared_noise", bright)
    assert bright.foreground.min() > 0.7


def test_wrapped_noise_wraps_as_the_reference_does() -> None:
    """Level 8 with sigma 10 wraps for about a fifth of the pixels, level 250 for about a quarter."""
    for level, share in ((8, 0.21), (250, 0.27)):
        target = scene()
        target.image = np.full((400, 400, 3), level / 255, np.float32)
        target.foreground = target.background = target.image
        target.alpha = np.zeros((400, 400), np.float32)
        apply("wrapped_noise", target)
        wrapped = np.abs(to_uint8(target.image).astype(int) - level) > 128
        assert wrapped.mean() == pytest.approx(share, abs=0.03)


def test_kernels_of_disc_and_streak_sum_to_one_and_are_centred() -> None:
    for kernel in (disc(0.2), disc(3.3), disc(7), streak(1, 0), streak(9.5, 37), streak(20, 90)):
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        middle = kernel.shape[0] // 2
        grid = np.arange(kernel.shape[0]) - middle
        assert (kernel.sum(axis=0) * grid).sum() == pytest.approx(0, abs=1e-3)
        assert (kernel.sum(axis=1) * grid).sum() == pytest.approx(0, abs=1e-3)
    assert disc(0.1).max() == 1


def test_motion_blur_keeps_the_amount_of_alpha() -> None:
    target, before = scene(), scene()
    apply("motion_blur", target, length=[100, 100])
    assert target.alpha.sum() == pytest.approx(before.alpha.sum(), rel=1e-3)


def test_matching_a_plane_to_itself_changes_nothing_and_to_another_takes_its_histogram() -> None:
    draw = np.random.default_rng(0)
    plane, other = draw.random((64, 64), np.float32), draw.random((64, 64), np.float32) ** 2
    levels = np.arange(256) / 255
    assert np.abs(matching_curve(plane, plane) - levels)[5:-5].max() < 2 / 255
    matched, quantiles = np.interp(plane, levels, matching_curve(plane, other)), np.linspace(0.05, 0.95, 19)
    assert np.allclose(np.quantile(matched, quantiles), np.quantile(other, quantiles), atol=0.01)


def test_planes_that_a_step_leaves_alone_are_left_alone() -> None:
    """Sources may hand out cached arrays: a step replaces planes, it never writes into them."""
    for name in NAMES:
        target = scene()
        kept = copy.copy(target)
        kept.planes = dict(target.planes)
        copies = {p: getattr(target, p).copy() for p in ("foreground", "alpha", "background", "image")}
        apply(name, target)
        for plane, values in copies.items():
            assert np.array_equal(getattr(kept, plane), values), f"{name} writes into {plane}"


def test_jpeg_differs_by_little_and_depends_on_quality() -> None:
    errors = []
    for quality in (20, 95):
        target = scene()
        before = target.image.copy()
        apply("jpeg", target, quality=[quality, quality])
        errors.append(float(np.abs(target.image - before).mean()))
    assert errors[1] < errors[0] < 0.1
    assert np.array_equal(to_float(to_uint8(target.image)), target.image)


def test_bad_parameters_are_told() -> None:
    with pytest.raises(AimkitError, match="did you mean 'sigma'"):
        apply("shared_noise", scene(), sigam=[1, 2])
    with pytest.raises(AimkitError, match="less than or equal to 1"):
        apply("jpeg", scene(), p=1.5)


@pytest.mark.parametrize("change", [-0.1, 0.1])
def test_scaled_saturation_and_value_scale_the_noise_of_a_near_grey_and_no_more(change: float) -> None:
    """V is multiplied by k and S by k: deviations from the brightest channel, V * S, by k * k."""
    noise = np.random.default_rng(0).normal(0, 1.5 / 255, (200, 200, 3)).astype(np.float32)
    target = scene()
    target.foreground = 0.5 + noise
    keys = {"hue": [0, 0], "saturation": [change, change], "value": [change, change]}
    apply("hsv_jitter", target, mode="scale", **keys)
    k, value = 1 + change, (0.5 + noise).max(axis=2, keepdims=True)
    assert np.abs(target.foreground - (k * value - k * k * (value - 0.5 - noise))).max() < 1e-5
    assert target.foreground.std() * 255 == pytest.approx(1.5 * k, rel=0.25)
    grey = scene()
    grey.foreground = np.full((4, 4, 3), 0.4, np.float32)
    apply("hsv_jitter", grey, mode="scale", **keys)
    assert np.allclose(grey.foreground, 0.4 * k)


def test_the_added_form_of_hsv_jitter_colours_grey() -> None:
    """Grey of value v and saturation s has channels between v (1 - s) and v."""
    target = scene()
    target.foreground = np.full((4, 4, 3), 0.5, np.float32)
    apply("hsv_jitter", target, hue=[0, 0], saturation=[0.1, 0.1], value=[0, 0])
    assert np.ptp(target.foreground[0, 0]) == pytest.approx(0.05, abs=1e-5)


def block(rows: slice, columns: slice, size: tuple[int, int] = (100, 160)) -> Scene:
    alpha = np.zeros(size, np.float32)
    alpha[rows, columns] = 1
    return Scene(np.zeros((*size, 3), np.float32), alpha, np.ones((*size, 3), np.float32), ImageType.SO)


def test_a_shadow_on_the_ground_begins_at_the_foot_and_is_as_long_as_its_offset() -> None:
    """A block of height 40 is laid down to 10 rows; it covers the same columns but for the lean."""
    for seed in range(8):
        target = block(slice(30, 70), slice(60, 100))
        record = apply("shadow", target, seed, ground=0.5, offset=[0.1, 0.1], strength=[0.5, 0.5], softness=[0, 0])
        darkness = 1 - target.background[..., 0]
        assert not darkness[:70].any()
        assert darkness[71:79].max(axis=1) == pytest.approx(0.5, abs=0.01)
        assert darkness[82:].max() < 0.01
        lean = float(record["lean"])  # type: ignore[arg-type]
        row = np.flatnonzero(darkness[75] > 0.25)
        assert row.mean() == pytest.approx(79.5 + 5.5 * np.tan(np.deg2rad(lean)), abs=0.7)


def test_a_soft_shadow_on_the_ground_is_darkest_at_the_foot_and_softens_on_its_way() -> None:
    target = block(slice(60, 280), slice(240, 360), (400, 600))
    target.alpha[270:280, 240:300] = 0  # half of the block ends a little higher, like a second foot
    apply("shadow", target, ground=0.5, offset=[0.2, 0.2], strength=[0.5, 0.5], softness=[30, 30])
    darkness = 1 - target.background[..., 0]
    # No bright line between the foot and its shadow, nor a second edge within it.
    assert darkness[280:300, 330] == pytest.approx(np.full(20, 0.5), abs=0.02)
    # Light is kept from the ground around the foot too, less and less away from it.
    beside = darkness[276, 361:380]
    assert 0.15 < beside[0] < 0.5
    assert (np.diff(beside) <= 0).all()
    assert darkness[276, 300:].max() > 0.15
    assert darkness[:240].max() == 0
    # Its far end is softer than its start: more columns between light and dark.
    near, far = (np.count_nonzero((darkness[row] > 0.1) & (darkness[row] < 0.4)) for row in (290, 340))
    assert far > 1.5 * near


@pytest.mark.parametrize(
    ("rows", "kind"),
    [(slice(5, 40), ImageType.SO), (slice(60, 100), ImageType.SO), (slice(0, 0), ImageType.SO), (slice(30, 70), "STM")],
)
def test_no_shadow_on_the_ground_of_what_does_not_stand_on_it(rows: slice, kind: ImageType) -> None:
    target = block(rows, slice(60, 100))
    target.type = ImageType(kind)
    step = parse(steps.get("shadow").value, {"step": "shadow", "ground": 0.5}, "shadow")
    params = step.draw(target, np.random.default_rng(0))
    assert params.record == {"skipped": "no foot on the ground"}
    assert not params.values


def test_the_colour_steps_of_natural_leave_detail_in_a_bright_foreground_before_a_dark_background() -> None:
    """All of them at the upper ends of their ranges, one after the other."""
    target = scene()
    target.foreground = np.tile(np.float32([0.75, 0.6, 0.5]), (8, 8, 1))
    target.background = np.full((8, 8, 3), 0.15, np.float32)
    target.alpha = np.ones((8, 8), np.float32)
    tables = {table["step"]: table for table in read_toml(find("synth/natural"))["steps"]}
    for name in ("hsv_jitter", "contrast", "white_balance"):
        block = parse(steps.get(name).value, tables[name], name)
        spans = {key: value for key, value in block.model_dump().items() if isinstance(value, tuple)}
        apply(name, target, **tables[name] | {key: [high, high] for key, (_, high) in spans.items()} | {"p": 1})
    assert target.foreground.max() < 1
    assert "shadow" not in [name for name, table in tables.items() if table["p"]]
