"""Metrics against recorded values, against the step-by-step oracle, and against nonsense."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aimkit.bench import metrics_oracle as oracle
from aimkit.bench.metrics import pair
from aimkit.errors import AimkitError
from aimkit.matting.trimap import trimap as make_trimap
from aimkit.metrics.grad import gradient_error
from aimkit.metrics.matting import METRICS, MORE, OF_TRIMAP, matting_metrics

ROWS = json.loads((Path(__file__).parents[2] / "golden" / "metrics.json").read_text())
QUIET = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def planes(golden: Path, name: str) -> list[np.ndarray]:
    return [cv2.imread(str(golden / "metrics" / f"{name}_{kind}.png"), 0) for kind in ("pred", "alpha", "trimap")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["degradation"])
def test_parity_equals_the_recorded_values(golden: Path, row: dict) -> None:
    found = matting_metrics(*planes(golden, row["name"]), parity=True)
    assert set(found) == set(METRICS) == set(row) - {"name", "degradation"}
    for key, value in found.items():
        assert value == pytest.approx(row[key], rel=1e-3 if key == "conn" else 1e-4, abs=1e-9), key


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["degradation"])
def test_the_default_differs_from_parity_only_where_nothing_overlaps(golden: Path, row: dict) -> None:
    prediction, alpha, trimap = planes(golden, row["name"])
    found = matting_metrics(prediction, alpha, trimap)
    if row["degradation"] == "zeros":
        # Nothing is connected, so every pixel of the truth from 0.15 up counts in full.
        assert found["conn"] == pytest.approx(np.where(alpha / 255 >= 0.15, alpha / 255, 0).sum() / 1000)
    else:
        assert found["conn"] == pytest.approx(row["conn"], rel=1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint16", "mixed"])
def test_floats_and_levels_give_the_same_values(golden: Path, dtype: str) -> None:
    prediction, alpha, trimap = planes(golden, "sample12")
    want = matting_metrics(prediction, alpha, trimap, more=True)
    if dtype == "uint16":
        pair_ = prediction.astype(np.uint16) * 257, alpha.astype(np.uint16) * 257
    elif dtype == "mixed":
        pair_ = prediction / 255, alpha
    else:
        pair_ = (prediction / 255).astype(dtype), (alpha / 255).astype(dtype)
    found = matting_metrics(*pair_, trimap / 255.0, more=True)
    assert found == pytest.approx(want, rel=1e-5)


LEVELS = st.sampled_from([0, 1, 25, 26, 51, 76, 77, 102, 128, 152, 153, 154, 179, 204, 229, 230, 254, 255])


@QUIET
@given(st.data())
def test_any_small_pair_equals_the_oracle(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    prediction, alpha = (data.draw(hnp.arrays(np.uint8, shape, elements=LEVELS)) for _ in range(2))
    trimap = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 128, 255])))
    trimap.flat[0] = 128
    for parity in (True, False):
        want = oracle.oracle_metrics(prediction, alpha, trimap, parity=parity)
        assert matting_metrics(prediction, alpha, trimap, parity=parity) == pytest.approx(want, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_pictures_with_many_parts_equal_the_oracle(seed: int) -> None:
    draw = np.random.default_rng(seed)
    noise = [cv2.GaussianBlur(draw.normal(0, 1, (90, 120)), (0, 0), 0.6 + 2 * seed) for _ in range(2)]
    prediction, alpha = (np.clip(128 + 70 * n / n.std(), 0, 255).astype(np.uint8) for n in noise)
    trimap = make_trimap(alpha, 3)
    want = oracle.oracle_metrics(prediction, alpha, trimap, parity=False)
    assert matting_metrics(prediction, alpha, trimap) == pytest.approx(want, rel=1e-4)
    matlab = oracle.grad_matlab(prediction / 255, alpha / 255)
    assert gradient_error(prediction, alpha, "matlab") == pytest.approx(matlab, rel=1e-4)


def test_the_two_grad_definitions_agree_to_a_few_per_cent_and_no_better(golden: Path) -> None:
    prediction, alpha, _ = planes(golden, "sample1")
    aim, matlab = (gradient_error(prediction, alpha, name) for name in ("aim", "matlab"))
    # The squared ratio of the kernels, times 10 / 1000: sigma^4 8 pi / 100 = 0.966. The shorter radius adds the rest.
    assert matlab / aim == pytest.approx(1.4**4 * 8 * np.pi / 100, rel=0.02)
    assert matlab / aim != pytest.approx(1, rel=0.01)


def test_in_the_transition_area_the_trimap_rules_elsewhere() -> None:
    alpha = np.zeros((40, 40), np.uint8)
    alpha[:, 20:] = 255
    trimap = make_trimap(alpha, 9)
    prediction = alpha.copy()
    prediction[:, :2] = 255
    prediction[:, -2:] = 0
    found = matting_metrics(prediction, alpha, trimap, more=True)
    assert found["sad"] == pytest.approx(0.16)
    assert found["sad_bg"] == found["sad_fg"] == pytest.approx(0.08)
    assert all(found[key] == 0 for key in (*MORE, "sad_transition", "mse_transition", "mad_transition"))


@pytest.mark.parametrize("grad", ["aim", "matlab"])
def test_equal_mattes_have_equal_errors_to_the_last_bit(grad: str) -> None:
    draw = np.random.default_rng(0)
    prediction, alpha = (draw.random((37, 41), dtype=np.float32) for _ in range(2))
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[:9], trimap[-9:] = 0, 255
    # Blocks of various sizes move the arrays of every round to other places in memory.
    blocks, found = [], set()
    for size in draw.integers(1, 4000, 200):
        blocks.append(bytearray(int(size)))
        found.add(tuple(matting_metrics(prediction, alpha, trimap, grad=grad, more=True).values()))
    assert len(found) == 1


def test_the_prediction_is_not_changed(golden: Path) -> None:
    given_ = planes(golden, "sample11")
    copies = [plane.copy() for plane in given_]
    matting_metrics(*given_, more=True)
    for plane, copy in zip(given_, copies, strict=True):
        np.testing.assert_array_equal(plane, copy)


def test_without_a_trimap_its_metrics_are_none() -> None:
    alpha = np.full((8, 8), 9, np.uint8)
    found = matting_metrics(alpha, alpha, more=True)
    assert {key for key, value in found.items() if value is None} == {*OF_TRIMAP, *MORE}


def test_an_unlabelled_transition_area_is_what_is_neither_0_nor_255() -> None:
    alpha = np.zeros((4, 5), np.uint8)
    trimap = np.zeros((4, 5), np.uint8)
    trimap[0] = 100
    assert matting_metrics(np.full_like(alpha, 51), alpha, trimap)["mad_transition"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("prediction", "alpha", "trimap", "says"),
    [
        (np.full((4, 4), np.nan), np.zeros((4, 4)), None, "NaN"),
        (np.zeros((4, 4)), np.full((4, 4), np.inf), None, "NaN or infinity"),
        (np.full((4, 4), 255.0), np.zeros((4, 4)), None, "from 255 to 255"),
        (np.zeros((4, 4), np.int32), np.zeros((4, 4)), None, "int32"),
        (np.zeros((4, 4), complex), np.zeros((4, 4)), None, "complex"),
        (np.zeros((4, 5)), np.zeros((4, 4)), None, "5x4"),
        (np.zeros((4, 4, 1)), np.zeros((4, 4)), None, "(4, 4, 1)"),
        (np.zeros((0, 4)), np.zeros((0, 4)), None, "empty"),
        ([[0.0]], np.zeros((1, 1)), None, "list"),
        (np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 5), np.uint8), "trimap is 5x4"),
        (np.zeros((4, 4)), np.zeros((4, 4)), np.full((4, 4), 255, np.uint8), "no transition area"),
    ],
)
def test_what_can_not_be_measured_is_refused(prediction: object, alpha: np.ndarray, trimap: object, says: str) -> None:
    with pytest.raises(AimkitError) as error:
        matting_metrics(prediction, alpha, trimap)  # type: ignore[arg-type]
    assert says in error.value.what


def test_an_unknown_grad_definition_names_the_nearest() -> None:
    with pytest.raises(AimkitError, match="matlab"):
        matting_metrics(np.zeros((4, 4)), np.ones((4, 4)), grad="mathlab")


ANY_ARRAY = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16, np.bool_, np.float16, np.float32, np.float64, np.int16]),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7),
)
UNIT = st.one_of(st.floats(0, 1, width=32), st.sampled_from([float("nan"), 1.0009, -0.5]))
#: Pairs that mostly get past the checks of size and range.
FITTING = st.integers(1, 9).flatmap(lambda n: st.tuples(*[hnp.arrays(np.float32, (n, 5), elements=UNIT)] * 2))


@QUIET
@given(st.one_of(st.tuples(ANY_ARRAY, ANY_ARRAY), FITTING), st.one_of(st.none(), ANY_ARRAY), st.booleans())
def test_whatever_comes_in_comes_out_finite_or_as_a_clear_error(
    mattes: tuple[np.ndarray, np.ndarray], trimap: np.ndarray | None, parity: bool
) -> None:
    try:
        found = matting_metrics(*mattes, trimap, parity=parity, more=True)
    except AimkitError:
        return
    assert all(math.isfinite(value) for value in found.values() if value is not None)
    assert trimap is None or None not in found.values()


def test_scikit_image_counts_the_same_mean_square(golden: Path) -> None:
    from skimage.metrics import mean_squared_error

    prediction, alpha, _ = planes(golden, "sample13")
    want = mean_squared_error(alpha / 255, prediction / 255)
    assert matting_metrics(prediction, alpha)["mse"] == pytest.approx(want)


@pytest.mark.slow
def test_a_full_hd_image_takes_at_most_a_fifteenth_of_the_reference() -> None:
    planes_ = pair(1080, 1920)

    def seconds(work: object, times: int) -> float:
        best = math.inf
        for _ in range(times):
            start = time.process_time()
            work()  # type: ignore[operator]
            best = min(best, time.process_time() - start)
        return best

    slow = seconds(lambda: oracle.oracle_metrics(*planes_, distances=True), 2)
    assert slow / seconds(lambda: matting_metrics(*planes_), 7) > 15
