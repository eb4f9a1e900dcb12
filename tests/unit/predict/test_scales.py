"""Networks say how large they want to see a photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models.registry import create_model
from aimkit.predict import Predictor, assemble, strategies

Seen = Callable[[Any, Callable[[], Any]], list[tuple[int, int]]]


@pytest.mark.parametrize(
    ("name", "options", "strategy", "wanted"),
    [
        ("aimnet", {}, "hybrid", [(160, 224), (288, 416)]),
        ("aimnet", {}, "resize", [(160, 224)]),
        ("gfm", {}, "hybrid", [(192, 288), (288, 416)]),
        ("gfm", {"rosta": "BT"}, "resize", [(288, 416)]),
        ("gfm", {"rosta": "RIM"}, None, [(192, 288)]),
        ("p3mnet", {}, None, [(288, 416), (600, 840)]),
        ("p3mnet", {}, "resize", [(288, 416)]),
    ],
)
def test_inputs_have_the_default_sizes_of_the_network(
    name: str, options: dict[str, str], strategy: str | None, wanted: list[tuple[int, int]], few_convs: str, seen: Seen
) -> None:
    torch.manual_seed(0)
    model = create_model(name, backbone=few_convs, width=8, **options)
    photo = np.zeros((600, 840, 3), np.uint8)
    predictor = Predictor(model, strategy, device="cpu", foreground=False)
    assert seen(model, lambda: predictor(photo)) == wanted
    if strategy:
        assert seen(model, lambda: strategies.run(strategy, model, photo)) == wanted


def test_what_the_caller_says_goes_before(few_convs: str, seen: Seen) -> None:
    model = create_model("p3mnet", backbone=few_convs, width=8)
    photo = np.zeros((600, 840, 3), np.uint8)
    sizes = seen(model, lambda: strategies.hybrid(model, photo, detail_scale=1 / 3))
    assert sizes == [(288, 416), (192, 288)]


def test_sides_are_pixels_whatever_the_photo(few_convs: str, seen: Seen) -> None:
    model = create_model("aimnet", backbone=few_convs, width=8)
    for size in ((600, 840), (300, 420)):
        photo = np.zeros((*size, 3), np.uint8)
        sizes = seen(model, lambda p=photo: strategies.hybrid(model, p, semantic_side=160, detail_side=240))
        assert sizes == [(160, 224), (256, 352)]
        assert seen(model, lambda p=photo: strategies.resize(model, p, side=200)) == [(192, 288)]
        options = {"semantic_side": 160, "detail_side": 240, "tile": 224, "overlap": 32}
        assert seen(model, lambda p=photo, o=options: strategies.tiled(model, p, **o))[0] == (160, 224)
    assert seen(model, lambda: strategies.hybrid(model, photo, semantic_side=1000)) == [(300, 420), (160, 224)]


def test_the_caller_overrides_the_weights_which_override_the_network(few_convs: str, seen: Seen) -> None:
    model = create_model("aimnet", backbone=few_convs, width=8)
    model.inference_defaults = {"semantic_side": 160, "detail_side": 240}
    photo = np.zeros((600, 840, 3), np.uint8)
    assert seen(model, lambda: strategies.hybrid(model, photo)) == [(160, 224), (256, 352)]
    assert seen(model, lambda: strategies.hybrid(model, photo, detail_side=360)) == [(160, 224), (352, 512)]
    assert seen(model, lambda: strategies.hybrid(model, photo, semantic_scale=0.5)) == [(288, 416), (256, 352)]
    # The reference has scales, and other strategies have other options.
    assert seen(model, lambda: strategies.hybrid(model, photo, parity=True))[0] == (128, 192)
    assert seen(model, lambda: strategies.resize(model, photo)) == [(160, 224)]
    with pytest.raises(AimkitError, match="leave out parity or the sides"):
        strategies.hybrid(model, photo, parity=True, semantic_side=160)


@pytest.mark.parametrize("strategy", ["hybrid", "resize", "whole", "tiled", "refined"])
def test_sharpness_goes_from_the_expected_alpha_to_the_likeliest_class(strategy: str, few_convs: str) -> None:
    torch.manual_seed(0)
    model = create_model("aimnet", backbone=few_convs, width=8, fusion="soft").eval()
    photo = np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)

    def alpha(sharpness: float | None) -> Any:
        return strategies.run(strategy, model, photo, sharpness=sharpness).alpha

    result = strategies.run(strategy, model, photo)
    likeliest = np.where(result.semantic == 128, result.detail, result.semantic / 255)
    assert np.array_equal(alpha(1), result.alpha)
    far = [float(np.abs(alpha(sharpness) - likeliest).mean()) for sharpness in (1, 3, 1e4)]
    assert far[0] > far[1] > far[2]
    assert far[2] < 0.01 < far[0]
    model.inference_defaults = {"sharpness": 3.0}
    assert np.array_equal(alpha(None), alpha(3))
    if strategy in ("hybrid", "resize"):
        assert np.isfinite(strategies.run(strategy, model, photo, parity=True).alpha).all()
        with pytest.raises(AimkitError, match="no sharpness"):
            strategies.run(strategy, model, photo, parity=True, sharpness=2)


@pytest.mark.parametrize("strategy", ["hybrid", "resize", "whole", "tiled", "refined"])
@pytest.mark.parametrize("fusion", ["soft", "argmax"])
def test_a_bias_of_the_unknown_class_is_one_of_the_last_layer(strategy: str, fusion: str, few_convs: str) -> None:
    torch.manual_seed(0)
    model: Any = create_model("aimnet", backbone=few_convs, width=8, fusion=fusion).eval()
    photo = np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)
    plain = strategies.run(strategy, model, photo)
    found = strategies.run(strategy, model, photo, unknown_bias=0.4)
    assert (found.semantic == 128).mean() > (plain.semantic == 128).mean()
    with torch.no_grad():
        model.semantic.head.bias[1] += 0.4
    wanted = strategies.run(strategy, model, photo)
    assert (found.semantic != wanted.semantic).mean() < 1e-3
    assert (np.abs(found.alpha - wanted.alpha) > 1e-5).mean() < 1e-3
    model.inference_defaults = {"unknown_bias": 0.4}
    if strategy in ("hybrid", "resize"):
        assert np.isfinite(strategies.run(strategy, model, photo, parity=True).alpha).all()
        with pytest.raises(AimkitError, match="no unknown_bias"):
            strategies.run(strategy, model, photo, parity=True, unknown_bias=-1)


def slow_contrast(plane: np.ndarray) -> np.ndarray:
    """Twice the standard deviation in the square around every pixel, one pixel after another."""
    half = max(3, min(plane.shape) // 32 | 1) // 2
    padded = np.pad(plane.astype(np.float64), half, mode="edge")
    found = np.empty(plane.shape)
    for y, x in np.ndindex(plane.shape):
        found[y, x] = 2 * padded[y : y + 2 * half + 1, x : x + 2 * half + 1].std()
    return found


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (40, 33), (200, 161)])
def test_the_local_contrast_is_twice_the_standard_deviation(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "STRIP", 2000)  # 12 rows of 161 pixels
    detail = np.random.default_rng(0).random((2, 1, *size)).astype(np.float32) ** 3
    detail[1] = 0.25
    found = assemble.local_contrast(detail)
    assert found.shape == detail.shape
    assert np.abs(found[0, 0] - np.clip(slow_contrast(detail[0, 0]), 0, 1)).max() < 1e-6
    assert found[1].max() < 1e-6
    halves = np.zeros((1, 1, 32, 32), np.float32)
    halves[..., ::2] = 1
    assert assemble.local_contrast(halves).max() > 0.9


@pytest.mark.parametrize("strategy", ["hybrid", "resize", "whole", "tiled", "refined"])
def test_the_flat_bias_is_the_unknown_bias_where_the_detail_is_flat(strategy: str, few_convs: str) -> None:
    torch.manual_seed(0)
    model: Any = create_model("aimnet", backbone=few_convs, width=8, fusion="soft").eval()
    photo = np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)
    plain, both = (strategies.run(strategy, model, photo, flat_bias=bias) for bias in (0, 0.4))
    everywhere = strategies.run(strategy, model, photo, unknown_bias=0.4)
    moved = [float(np.abs(result.alpha - plain.alpha).mean()) for result in (plain, both, everywhere)]
    assert moved[0] < moved[1] < moved[2]
    with torch.no_grad():
        model.matting.head.weight.zero_()  # The detail is one value everywhere.
    flat, same = (strategies.run(strategy, model, photo, **{name: -2}) for name in ("flat_bias", "unknown_bias"))
    assert np.abs(flat.alpha - same.alpha).max() < 1e-5
    model.inference_defaults = {"flat_bias": -2.0}
    assert np.array_equal(strategies.run(strategy, model, photo).alpha, flat.alpha)
    if strategy in ("hybrid", "resize"):
        assert np.isfinite(strategies.run(strategy, model, photo, parity=True).alpha).all()
        with pytest.raises(AimkitError, match="no flat_bias"):
            strategies.run(strategy, model, photo, parity=True, flat_bias=-1)


def test_sharpness_is_for_soft_fusion(few_convs: str) -> None:
    model = create_model("aimnet", backbone=few_convs, width=8, fusion="argmax")
    photo = np.zeros((128, 160, 3), np.uint8)
    with pytest.raises(AimkitError, match="fusion of the network is not soft"):
        strategies.hybrid(model, photo, sharpness=3)
    # Fine-tuned from weights that have one, but with another fusion.
    model.inference_defaults = {"sharpness": 3.0}
    assert np.isfinite(strategies.hybrid(model, photo)).all()


@pytest.mark.parametrize(
    ("defaults", "what"),
    [
        ({"semantic_sied": 160}, "semantic_side"),
        ({"strategy": "hibrid"}, "hybrid"),
        ({"detail_side": 3}, "32"),
        ({"sharpness": 0}, "greater"),
        ({"unknown_bias": float("nan")}, "unknown_bias"),
        ({"flat_bias": 101}, "flat_bias"),
    ],
)
def test_inference_defaults_are_checked(defaults: dict[str, Any], what: str) -> None:
    strategies.check_inference_defaults({})
    strategies.check_inference_defaults({"strategy": "tiled", "tile": 512})
    with pytest.raises(AimkitError, match=what):
        strategies.check_inference_defaults(defaults)


@pytest.mark.parametrize("rosta", ["FT", "BT"])
def test_two_input_sizes_follow_the_rule_of_the_rosta(rosta: str, few_convs: str) -> None:
    torch.manual_seed(0)
    model = create_model("gfm", backbone=few_convs, width=8, rosta=rosta).eval()
    photo = np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)
    result = strategies.run("hybrid", model, photo, semantic_scale=1, detail_scale=1)
    with torch.no_grad():
        whole = model(model.preprocess(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255))
    assert np.abs(result.alpha - whole.alpha[0, 0].numpy()).max() < 1e-5
    if rosta == "BT":
        with pytest.raises(AimkitError, match="whose detail is the alpha"):
            strategies.hybrid(model, photo, parity=True)
