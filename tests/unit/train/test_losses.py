from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from aimkit.bench.roofline import OperationCount, cost_of
from aimkit.errors import AimkitError
from aimkit.train import losses

#: Our names, and those of the golden values where they differ.
KEYS = {name: name for name in (*losses.STAGES["matting"], "total_matting")} | {"total_saliency": "total_sod"}


def case(seed: int = 0, size: int = 32, batch: int = 2) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    alpha = torch.randint(0, 256, (batch, 1, size, size), generator=draw).float()
    label = torch.tensor([0.0, 128.0, 255.0])[torch.randint(0, 3, (batch, 1, size, size), generator=draw)]
    planes = torch.rand(3, batch, 3, size, size, generator=draw)
    return {
        "semantic": torch.rand(batch, 3, size, size, generator=draw),
        "detail": torch.rand(batch, 1, size, size, generator=draw),
        "fusion": torch.rand(batch, 1, size, size, generator=draw),
        "alpha": alpha,
        "label": label,
        "image": planes[0],
        "foreground": planes[1],
        "background": planes[2],
    }


@pytest.mark.parametrize("row", [0, 1, 2])
def test_every_term_equals_the_reference(shared: Path, row: int) -> None:
    expected = json.loads((shared / "golden/losses.json").read_text())[row]
    data = {k: torch.from_numpy(v) for k, v in np.load(shared / f"golden/losses/case{expected['seed']}.npz").items()}
    for ours, recorded in (("foreground", "fg"), ("background", "bg"), ("label", "usr")):
        data[ours] = data.pop(recorded)
    got = losses.matting_losses(**data, parity=True)
    for ours, recorded in KEYS.items():
        assert float(got[ours]) == pytest.approx(expected[recorded], rel=1e-4), ours
    saliency = losses.matting_losses(**data, stage="saliency", parity=True)
    assert float(saliency["total"]) == pytest.approx(expected["total_sod"], rel=1e-4)


def test_the_cross_entropy_of_sigmoid_outputs_has_the_known_floor_and_uniform_value() -> None:
    """What users ask of the saliency stage: why 0.65? A perfect prediction gives 0.5514, a uniform one 1.0986."""
    target = torch.zeros(1, 4, 4, dtype=torch.long)
    perfect = torch.zeros(1, 3, 4, 4)
    perfect[:, 0] = 1
    assert float(losses.cross_entropy(perfect, target)) == pytest.approx(0.5514, abs=1e-4)
    assert float(losses.cross_entropy(torch.full((1, 3, 4, 4), 0.3), target)) == pytest.approx(math.log(3), abs=1e-5)


def test_a_perfect_prediction_costs_nothing_by_default() -> None:
    data = case()
    truth = data["alpha"] / 255
    label = F.one_hot(losses.classes(data["label"]), 3).permute(0, 3, 1, 2).float()
    data |= {"detail": truth, "fusion": truth, "semantic": label}
    data["image"] = truth * data["foreground"] + (1 - truth) * data["background"]
    got = losses.matting_losses(**data)
    for name in losses.STAGES["matting"]:
        assert float(got[name]) < 1e-4, name


def test_logits_may_be_given_or_are_recovered() -> None:
    data = case()
    logits = torch.randn(2, 3, 32, 32)
    data["semantic"] = torch.sigmoid(logits)
    expected = F.cross_entropy(logits, losses.classes(data["label"]))
    for given in (None, logits):
        got = losses.matting_losses(**data, semantic_logits=given)["semantic_cross_entropy"]
        assert float(got) == pytest.approx(float(expected), rel=1e-4)


def test_labels_that_resizing_has_mixed_count_as_unknown_by_default_and_are_dropped_in_parity() -> None:
    data = case()
    data["label"] = torch.full_like(data["label"], 130.0)
    assert float(losses.matting_losses(**data, stage="saliency")["detail_alpha"]) > 0.1
    assert float(losses.matting_losses(**data, stage="saliency", parity=True)["detail_alpha"]) < 1e-2


def test_the_laplacian_of_the_difference_is_the_difference_of_the_laplacians() -> None:
    """The oracle builds both pyramids as the definition says."""

    def pyramid(image: torch.Tensor) -> list[torch.Tensor]:
        axis = np.exp(-((np.arange(5) - 2) ** 2) / 2) ** 2
        kernel = torch.tensor(axis[:, None] + axis[None, :], dtype=torch.float32)
        kernel = (kernel / kernel.sum())[None, None]
        result = []
        for _ in range(5):
            blurred = F.conv2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), kernel)
            result.append(image - blurred)
            image = F.avg_pool2d(blurred, 2)
        return [*result, image]

    a, b = torch.rand(2, 2, 1, 64, 64)
    expected = sum((x - y).abs().mean() for x, y in zip(pyramid(a), pyramid(b), strict=True))
    assert float(losses.laplacian(a, b)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("size", [(2, 1, 64, 48), (1, 1, 33, 20), (3, 1, 1, 1)])
def test_the_blur_of_gpus_is_that_of_cpus(size: tuple[int, ...]) -> None:
    results = []
    for kernel in (None, losses._blur_kernel(torch.device("cpu"))):
        plane = torch.rand(size, generator=torch.Generator().manual_seed(0)).requires_grad_()
        blurred = losses._blur(plane, kernel)
        (blurred * torch.arange(size[-1])).sum().backward()
        results.append((blurred, plane.grad))
    for shifted, convolved in zip(*results, strict=True):
        torch.testing.assert_close(convolved, shifted)


def test_away_from_the_cpu_a_laplacian_launches_few_kernels() -> None:
    def work() -> None:
        losses.laplacian(torch.rand(2, 1, 64, 64, device="meta", requires_grad=True), torch.rand(1, device="meta"))

    assert cost_of(work).kernels < 60


def test_the_cross_entropy_has_a_deterministic_form() -> None:
    scores, target = torch.randn(2, 3, 8, 8, requires_grad=True), torch.randint(0, 3, (2, 8, 8))
    plain = losses.cross_entropy(scores, target)
    (expected,) = torch.autograd.grad(plain, scores)
    torch.use_deterministic_algorithms(True)
    try:
        with OperationCount() as count:
            value = losses.cross_entropy(scores, target)
        (gradient,) = torch.autograd.grad(value, scores)
    finally:
        torch.use_deterministic_algorithms(False)
    assert "nll_loss2d_forward" not in count.kernels
    torch.testing.assert_close(value, plain)
    torch.testing.assert_close(gradient, expected)


def test_the_iou_leaves_out_classes_that_neither_label_nor_prediction_hold() -> None:
    semantic = torch.zeros(1, 3, 1, 4)
    semantic[0, 0, 0, :3] = semantic[0, 1, 0, 3:] = 1.0
    got = losses.semantic_scores(semantic, torch.tensor([[[[0.0, 0.0, 128.0, 128.0]]]]))
    # Background: 2 of 3, unknown: 1 of 2, foreground: in neither.
    assert float(got["semantic_iou"]) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert float(got["semantic_accuracy"]) == pytest.approx(3 / 4)


def test_the_laplacian_takes_images_of_any_size() -> None:
    for size in ((1, 1), (3, 7), (33, 20)):
        assert torch.isfinite(losses.laplacian(torch.rand(1, 1, *size), torch.zeros(1, 1, *size)))


def test_invalid_samples_do_not_touch_the_composition_loss() -> None:
    data = case()
    spoiled = {**data, "image": data["image"].clone()}
    spoiled["image"][1] += 5
    valid = torch.tensor([True, False])
    one = losses.matting_losses(**data, composition_valid=valid)["fusion_composition"]
    other = losses.matting_losses(**spoiled, composition_valid=valid)["fusion_composition"]
    assert float(one) == float(other)
    alone = losses.matting_losses(**{k: v[:1] for k, v in data.items()})["fusion_composition"]
    assert float(one) == pytest.approx(float(alone) / 2, rel=1e-5)
    assert float(losses.matting_losses(**data, composition_valid=~valid & valid)["fusion_composition"]) == 0


def test_the_mean_of_the_parts_of_a_batch_is_the_loss_of_the_batch() -> None:
    """Else the gradient would depend on how a batch is split over processes."""
    data = case(batch=4)
    whole = losses.matting_losses(**data)
    parts = [losses.matting_losses(**{k: v[i : i + 2] for k, v in data.items()}) for i in (0, 2)]
    for name in losses.STAGES["matting"]:
        assert float(whole[name]) == pytest.approx(float(sum(part[name] for part in parts)) / 2, rel=1e-5), name


def test_every_term_has_a_finite_gradient_even_where_it_is_perfect() -> None:
    data = case()
    truth = data["alpha"] / 255
    detail, fusion = (truth.clone().requires_grad_() for _ in range(2))
    semantic = data["semantic"].requires_grad_()
    losses.matting_losses(**{**data, "detail": detail, "fusion": fusion, "semantic": semantic})["total"].backward()
    for tensor in (detail, fusion, semantic):
        assert torch.isfinite(tensor.grad).all()
    assert semantic.grad.abs().sum() > 0


def test_fewer_classes_serve_the_other_representations() -> None:
    data = case()
    for number in (1, 2):
        got = losses.matting_losses(**{**data, "semantic": data["semantic"][:, :number]})
        assert torch.isfinite(got["total"])
        assert (float(got["semantic_cross_entropy"]) == 0) == (number == 1)


def test_semantic_scores() -> None:
    label = torch.tensor([0.0, 128.0, 255.0, 255.0]).reshape(1, 1, 2, 2)
    perfect = F.one_hot(losses.classes(label), 3).permute(0, 3, 1, 2).float()
    assert {k: float(v) for k, v in losses.semantic_scores(perfect, label).items()} == {
        "semantic_accuracy": 1.0,
        "semantic_iou": 1.0,
    }
    wrong = perfect.roll(1, dims=1)
    assert float(losses.semantic_scores(wrong, label)["semantic_accuracy"]) == 0


def test_bad_input_is_told() -> None:
    data = case()
    with pytest.raises(AimkitError, match="unknown stage 'x'"):
        losses.matting_losses(**data, stage="x")
    with pytest.raises(AimkitError, match="needs image, foreground and background"):
        losses.matting_losses(**{**data, "image": None})
    with pytest.raises(AimkitError, match="detail is"):
        losses.matting_losses(**{**data, "detail": data["detail"][..., :5]})
