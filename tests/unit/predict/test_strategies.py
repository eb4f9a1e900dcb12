from __future__ import annotations

import resource
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aimkit.errors import AimkitError
from aimkit.models.base import MattingModel
from aimkit.predict import strategies
from aimkit.predict.runtime.torch import TorchNetwork
from aimkit.predict.strategy import Strategy
from aimkit.predict.tiled import weighted_spans

ALL = ("hybrid", "refined", "resize", "tiled", "whole")


def test_all_strategies_are_registered_with_a_summary() -> None:
    assert strategies.strategies.list() == list(ALL)
    assert all(entry.summary and issubclass(entry.value, Strategy) for entry in strategies.strategies)


@pytest.mark.parametrize("name", ALL)
def test_a_strategy_gives_what_the_network_sees(name: str, pointwise: Any, smooth_photo: np.ndarray) -> None:
    result = strategies.run(name, pointwise(), smooth_photo)
    red, green, blue = np.moveaxis(smooth_photo / np.float32(255), -1, 0)
    assert result.alpha.dtype == result.detail.dtype == np.float32
    assert result.semantic.dtype == np.uint8
    assert result.alpha.shape == result.semantic.shape == result.detail.shape == smooth_photo.shape[:2]
    assert np.abs(result.detail - blue).max() < 0.02
    inside = (red > 0.55) | (green > 0.55) | ((red < 0.45) & (green < 0.45))
    label = np.where(red > np.maximum(green, 0.5), 0, np.where(green > 0.5, 255, 128))
    assert (result.semantic == label)[inside].all()
    alpha = np.where(label == 128, blue, label / 255)
    tolerance = 1.0 if name == "resize" else 0.02  # resize blurs decisions
    assert np.abs(result.alpha - alpha)[inside].max() < tolerance
    assert np.abs(result.alpha - alpha)[inside].mean() < 0.02


def slow(name: str, photo: np.ndarray) -> np.ndarray:
    """Alpha of the pointwise network for a photo of 300x420, by OpenCV on whole planes."""

    def resized(plane: np.ndarray, height: int, width: int) -> np.ndarray:
        return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR))

    def logits(image: np.ndarray) -> np.ndarray:
        return np.dstack([image[..., 0] - 0.5, np.zeros_like(image[..., 0]), image[..., 1] - 0.5])

    def fused(scores: np.ndarray, detail: np.ndarray) -> np.ndarray:
        return np.choose(scores.argmax(-1), [np.zeros_like(detail), detail, np.ones_like(detail)])

    image = photo.astype(np.float32) / 255
    if name == "whole":
        return fused(logits(image), image[..., 2])
    # A quarter would have a short side under 128 pixels.
    small = resized(image, 128, 192)
    if name == "resize":
        return resized(fused(logits(small), small[..., 2]), 300, 420)
    return fused(resized(logits(small), 300, 420), resized(resized(image[..., 2], 160, 224), 300, 420))


@pytest.mark.parametrize("name", [name for name in ALL if name != "refined"])
def test_every_function_equals_a_slow_one(name: str, pointwise: Any, smooth_photo: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(-20, 21, smooth_photo.shape)
    photo = np.clip(smooth_photo + noise, 0, 255).astype(np.uint8)
    options = {"tile": 64, "overlap": 16} if name == "tiled" else {}
    alpha = getattr(strategies, name)(pointwise(), photo, **options)
    # Scores that are equal but for rounding may be decided either way.
    assert (np.abs(alpha - slow(name, photo)) > 1e-4).mean() < 1e-3


def test_inputs_have_the_sizes_that_were_asked_for(pointwise: Any) -> None:
    photo = np.zeros((1080, 1920, 3), np.uint8)
    model = pointwise()
    strategies.hybrid(model, photo)
    assert model.seen == [(1, 3, 256, 480), (1, 3, 544, 960)]
    model = pointwise()
    strategies.hybrid(model, photo, semantic_scale=1 / 4, detail_scale=1 / 3, parity=True)
    assert model.seen == [(1, 3, 256, 480), (1, 3, 352, 640)]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (127, 2), (33, 65)])
def test_every_size_is_predicted(name: str, size: tuple[int, int], pointwise: Any, tiny_net: Any) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for model in (pointwise(), tiny_net):
        alpha = strategies.run(name, model, photo).alpha
        assert alpha.shape == size
        assert alpha.min() >= 0
        assert alpha.max() <= 1


def test_solid_areas_have_no_pin_holes_but_the_reference_has(pointwise: Any) -> None:
    """A foreground label that was interpolated as a grey level may miss 255; compared scores can't."""
    photo = np.zeros((701, 523, 3), np.uint8)
    photo[:, :, 1] = 255
    photo[300:, 260:] = (255, 0, 0)
    alpha = strategies.hybrid(pointwise(), photo, semantic_scale=0.31)
    assert (alpha[:290] == 1).all()
    assert (alpha[310:, 280:] == 0).all()
    # Between solid foreground and background there is no unknown class: our decision is sharp, the reference's is not.
    assert (
        np.isin(alpha, (0, 1)).mean()
        > np.isin(
            strategies.run("hybrid", pointwise(), photo, semantic_scale=0.31, parity=True).semantic, (0, 255)
        ).mean()
    )


def test_tiles_make_the_whole(pointwise: Any, smooth_photo: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(-9, 10, smooth_photo.shape)
    photo = np.clip(smooth_photo + noise, 0, 255).astype(np.uint8)
    model = pointwise()
    options = {"tile": 96, "overlap": 24, "detail_scale": 1, "semantic_scale": 1}
    tiled, whole = strategies.run("tiled", model, photo, **options), strategies.run("whole", model, photo)
    assert sum(shape[-2:] == (96, 96) for shape in model.seen) == 24
    assert np.abs(tiled.alpha - whole.alpha).max() < 1e-5
    assert np.array_equal(tiled.semantic, whole.semantic)


def test_windows_refine_the_transition_area_and_leave_the_rest(pointwise: Any) -> None:
    photo = np.zeros((600, 800, 3), np.uint8)
    photo[..., 1] = 255
    photo[:260, :260] = np.random.default_rng(0).integers(0, 256, (260, 260, 1))
    options = {"semantic_scale": 1 / 4, "detail_scale": 1 / 4}
    coarse = strategies.run("hybrid", pointwise(), photo, **options)
    model = pointwise()
    found = strategies.run("refined", model, photo, window=128, overlap=32, **options)
    # The grid has 6 x 8 windows, with starts of 94 and 96 pixels; three rows and three columns touch the noise.
    assert [shape[-2:] for shape in model.seen] == [(160, 192)] * 2 + [(128, 128)] * 9
    fine = strategies.run("tiled", pointwise(), photo, **(options | {"tile": 128, "overlap": 32, "detail_scale": 1}))
    # A corner that only windows with a second look cover, and one that none of them covers.
    assert np.abs(found.detail[:260, :260] - fine.detail[:260, :260]).max() < 1e-6
    assert np.abs(found.detail[:260, :260] - coarse.detail[:260, :260]).mean() > 0.1
    assert np.array_equal(found.alpha[400:, 400:], coarse.alpha[400:, 400:])
    assert np.array_equal(found.semantic, coarse.semantic)


@pytest.mark.parametrize("options", [{}, {"fine_scale": 0.5}])
def test_nothing_is_refined_where_nothing_can_be(options: dict[str, Any], pointwise: Any) -> None:
    """A photo without transition area, and a second look that is no finer than the first."""
    photo = np.zeros((400, 400, 3), np.uint8)
    photo[..., 1] = np.random.default_rng(0).integers(0, 256, (400, 400)) if options else 255
    model = pointwise()
    found = strategies.run("refined", model, photo, **options)
    assert len(model.seen) == 2
    assert np.array_equal(found.alpha, strategies.hybrid(pointwise(), photo))


def test_tiles_meet_without_a_seam(pointwise: Any) -> None:
    """A network that gives every tile another value: neighbouring pixels may differ by little."""

    class Moody(pointwise):
        def forward(self, image: torch.Tensor) -> Any:
            output = super().forward(image)
            return output._replace(detail=torch.full_like(output.detail, len(self.seen) % 2))

    detail = strategies.run("tiled", Moody(), np.zeros((400, 400, 3), np.uint8), tile=128, overlap=64, detail_scale=1)
    steps = [np.abs(np.diff(detail.detail, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) <= 1 / 30
    assert np.ptp(detail.detail) > 0.9


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.integers(32, 600), st.floats(0, 0.5))
def test_spans_cover_everything_and_their_weights_sum_to_one(length: int, tile: int, share: float) -> None:
    overlap = int(tile * share)
    total = np.zeros(length)
    spans = weighted_spans(length, tile, overlap)
    for start, stop, weights in spans:
        assert stop - start == len(weights) == min(tile, length)
        assert (weights >= 0).all()
        total[start:stop] += weights
    assert np.allclose(total, 1, atol=1e-5)
    assert all(a[1] - b[0] >= overlap for a, b in pairwise(spans))


@pytest.mark.parametrize("name", ALL)
def test_with_flipping_the_mirrored_photo_gives_the_mirrored_matte(name: str, pointwise: Any) -> None:
    class Leaning(pointwise):
        """What it sees, it reports three pixels further to the right."""

        def forward(self, image: torch.Tensor) -> Any:
            return super().forward(image.roll(3, -1))

    photo = np.random.default_rng(0).integers(0, 256, (150, 190, 3), np.uint8)
    for flip in (False, True):
        alpha = strategies.run(name, Leaning(), photo, flip=flip).alpha
        mirrored = strategies.run(name, Leaning(), photo[:, ::-1], flip=flip).alpha[:, ::-1]
        # Scores that are equal but for rounding may be decided either way.
        different = (np.abs(alpha - mirrored) > 1e-3).mean()
        assert different < 1e-3 if flip else different > 0.5


@pytest.mark.parametrize("representation", ["duomap", "unimap"])
def test_representations_of_fewer_classes_work(representation: str, pointwise: Any, smooth_photo: np.ndarray) -> None:
    for parity in (False, True):
        result = strategies.run("hybrid", pointwise(representation), smooth_photo, parity=parity)
        assert set(np.unique(result.semantic)) == ({128} if representation == "unimap" else {0, 128})


def test_a_network_without_fusion_is_refused_by_strategies_of_two_input_sizes(
    pointwise: Any, smooth_photo: np.ndarray
) -> None:
    class OnePass(MattingModel):
        """Alpha is more than a rule of classes and detail."""

        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.inner = pointwise()

        def preprocess(self, image: torch.Tensor) -> torch.Tensor:
            return image

        def forward(self, image: torch.Tensor) -> Any:
            return self.inner(image)._replace(alpha=image[:, :1])

    for name in ("hybrid", "tiled", "refined"):
        with pytest.raises(AimkitError, match="use 'resize' or 'whole'"):
            strategies.run(name, OnePass(), smooth_photo)
    alpha = strategies.run("whole", OnePass(), smooth_photo, flip=True).alpha
    assert np.allclose(alpha, smooth_photo[..., 0] / 255, atol=1e-6)


def test_the_mode_of_every_module_is_left_as_it_was(tiny_net: Any) -> None:
    tiny_net.train()
    tiny_net.semantic.eval()
    before = [module.training for module in tiny_net.modules()]
    alpha = strategies.resize(tiny_net, np.zeros((64, 64, 3), np.uint8))
    assert [module.training for module in tiny_net.modules()] == before
    assert np.array_equal(alpha, strategies.resize(tiny_net.eval(), np.zeros((64, 64, 3), np.uint8)))


def test_nan_is_an_error(pointwise: Any, smooth_photo: np.ndarray) -> None:
    class Broken(pointwise):
        def forward(self, image: torch.Tensor) -> Any:
            output = super().forward(image)
            return output._replace(detail=output.detail * torch.nan)

    with pytest.raises(AimkitError, match="NaN or infinite"):
        strategies.hybrid(Broken(), smooth_photo)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hybrod", {}, "unknown strategy 'hybrod'"),
        ("hybrid", {"detial_scale": 0.5}, "did you mean 'detail_scale'"),
        ("hybrid", {"detail_scale": 0}, "greater than 0"),
        ("hybrid", {"detail_scale": 2}, "less than or equal to 1"),
        ("resize", {"scale": "much"}, "valid number"),
        ("tiled", {"tile": 64, "overlap": 40}, "at most half of the tile"),
        ("refined", {"window": 64, "overlap": 40}, "at most half of the window"),
        ("hybrid", {"parity": True, "semantic_scale": 0.05}, "too small for the reference"),
    ],
)
def test_wrong_options_are_told(name: str, options: dict[str, Any], message: str, pointwise: Any) -> None:
    with pytest.raises(AimkitError, match=message):
        strategies.run(name, pointwise(), np.zeros((90, 90, 3), np.uint8), **options)


def test_grey_deep_and_clear_images_are_the_same_photo(pointwise: Any, smooth_photo: np.ndarray) -> None:
    grey = np.ascontiguousarray(smooth_photo[..., 2])
    wanted = strategies.hybrid(pointwise(), np.dstack([grey] * 3))
    deep = grey.astype(np.uint16) * 257
    for image in (grey, grey[..., None], deep, np.dstack([grey] * 4), grey / 255, np.asfortranarray(grey)):
        assert np.array_equal(strategies.hybrid(pointwise(), image), wanted)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from(["uint8", "uint16", "int32", "float32", "bool", "complex64", "U1", "O"]),
)
def test_anything_but_an_image_is_a_clear_error(shape: list[int], dtype: str) -> None:
    array = np.zeros(shape, dtype)
    image = array.ndim in (2, 3) and array.size and (array.ndim == 2 or shape[2] in (1, 3, 4))
    if image and dtype in ("uint8", "uint16", "float32"):
        assert strategies.as_rgb(array).shape == (*shape[:2], 3)
    else:
        with pytest.raises(AimkitError):
            strategies.as_rgb(array)


def test_float_images_out_of_range_are_refused() -> None:
    for value in (np.nan, 2.0, -0.1):
        with pytest.raises(AimkitError, match="in \\[0, 1\\]"):
            strategies.as_rgb(np.full((2, 2), value))


def test_only_matting_models_are_accepted() -> None:
    with pytest.raises(AimkitError, match="Linear is not a matting model"):
        TorchNetwork(torch.nn.Linear(1, 1))  # type: ignore[arg-type]
    with pytest.raises(AimkitError, match="str is not a matting model"):
        TorchNetwork("aimnet")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["hybrid", "resize"])
def test_parity_equals_the_reference(name: str, shared: Path, paper: Any) -> None:
    from aimkit.imageio import read_rgb

    folder = shared / "golden" / "inference"
    recorded = np.load(folder / f"case0_{name}.npz")["alpha"].astype(np.float32)
    alpha = getattr(strategies, name)(paper, read_rgb(folder / "case0_image.png"), parity=True)
    difference = np.abs(alpha - recorded)
    assert difference.mean() < 2e-3  # allowed: 8e-3
    assert (difference > 0.02).mean() < 5e-3  # allowed: 0.015


def test_parity_and_default_agree_where_the_reference_has_no_flaw(pointwise: Any, smooth_photo: np.ndarray) -> None:
    """At sizes that are multiples of 32 only the labels' borders differ."""
    photo = np.pad(smooth_photo, [(0, 212), (0, 92), (0, 0)], mode="edge")
    for name in ("hybrid", "resize"):
        ours, reference = (strategies.run(name, pointwise(), photo, parity=parity).alpha for parity in (False, True))
        assert (np.abs(ours - reference) > 0.01).mean() < 0.01


def test_the_network_never_sees_more_than_a_tile(pointwise: Any) -> None:
    photo = np.zeros((1500, 2000, 3), np.uint8)
    model = pointwise()
    strategies.tiled(model, photo, tile=512, overlap=64, detail_scale=1, max_side=512)
    assert max(shape[-2] * shape[-1] for shape in model.seen) <= 512 * 512


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory in kilobytes")
def test_fifty_megapixels_fit_in_bounded_memory(pointwise: Any) -> None:
    photo = np.zeros((5773, 8660, 3), np.uint8)
    strategies.tiled(pointwise(), photo[:500, :500])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    strategies.tiled(pointwise(), photo, detail_scale=1)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    # Alpha, detail twice, labels: 650 MB; strips and tiles come on top.
    assert grown < 1100
