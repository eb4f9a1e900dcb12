"""What each architecture is trained for, against the formulas of its paper written out once more."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import MattingOutput
from aimkit.models.registry import create_backbone, create_model, list_models
from aimkit.recipe import parse
from aimkit.train import losses, objectives
from aimkit.train.recipe import TrainRecipe

Batch = dict[str, torch.Tensor]
SIZE = 32


@pytest.fixture
def batch() -> Batch:
    """A disc whose label has all three classes; I = aF + (1-a)B."""
    draw = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    distance = torch.hypot(y - 16.0, x - 16.0)
    alpha = ((10 - distance) / 4).clamp(0, 1).expand(2, 1, SIZE, SIZE)
    label = torch.where(distance < 4, 255.0, torch.where(distance > 12, 0.0, 128.0)).expand(2, 1, SIZE, SIZE)
    front, back = torch.rand(2, 2, 3, SIZE, SIZE, generator=draw)
    image = alpha * front + (1 - alpha) * back
    planes = {"image": image, "foreground": front, "background": back}
    return planes | {"alpha": alpha * 255, "label": label, "composition_valid": torch.tensor([True, True])}


class Net:
    """What objectives ask of a network."""

    def __init__(self, rosta: str = "TT") -> None:
        self.rosta = rosta

    def preprocess(self, image: torch.Tensor) -> torch.Tensor:
        return image - 0.5


def random_output(classes: int, seed: int = 1) -> MattingOutput:
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, SIZE, SIZE, generator=draw)
    detail, alpha = torch.rand(2, 2, 1, SIZE, SIZE, generator=draw)
    return MattingOutput(logits.sigmoid(), detail, alpha, logits)


def run(model: str, network: Net, output: MattingOutput, batch: Batch, **keywords: Any) -> dict[str, float]:
    weights = objectives.term_weights(model, "matting", {"rosta": network.rosta})
    terms = objectives.compute(model, network, output, batch, weights, **keywords)
    return {name: float(value) for name, value in terms.items()}


def rim_output() -> MattingOutput:
    extra = {}
    for seed, (part, count) in enumerate({"tt": 3, "ft": 2, "bt": 2}.items()):
        found = random_output(count, seed)._asdict()
        extra |= {f"{key}_{part}": found[key] for key in ("semantic", "detail", "alpha", "semantic_logits")}
    return random_output(3)._replace(extra=extra)


def test_the_path_of_aimnet_is_the_one_of_its_losses(batch: Batch) -> None:
    output, planes = random_output(3), ("image", "foreground", "background")
    for parity in (False, True):
        seen = {name: batch[name] - 0.5 if parity else batch[name] for name in planes}
        wanted = losses.matting_losses(
            *output[:3], alpha=batch["alpha"], label=batch["label"], **seen, parity=parity, semantic_logits=output[3]
        )
        found = run("aimnet", Net(), output, batch, parity=parity)
        assert found["total"] == pytest.approx(float(wanted["total"]), rel=1e-6)


@pytest.mark.parametrize("model", list_models())
@pytest.mark.parametrize("stage", ["matting", "saliency"])
def test_every_network_has_weights_for_every_stage(model: str, stage: str) -> None:
    weights = objectives.term_weights(model, stage, {})
    assert weights
    assert all(weight > 0 for weight in weights.values())


def test_only_aimnet_has_a_stage_for_the_classes_alone() -> None:
    assert objectives.term_weights("aimnet", "semantic", {}) == {"semantic_cross_entropy": 1.0}
    for model in ("gfm", "p3mnet"):
        with pytest.raises(AimkitError, match="no stage 'semantic'"):
            objectives.term_weights(model, "semantic", {})


@pytest.mark.parametrize("rosta", ["TT", "FT", "BT"])
def test_gfm_takes_a_quarter_of_each_term_against_its_own_targets(batch: Batch, rosta: str) -> None:
    output = random_output(3 if rosta == "TT" else 2)
    label, truth = batch["label"][:, 0], batch["alpha"] / 255
    erosion, dilation = (batch["label"] == 255).float(), (batch["label"] > 0).float()
    classes, wanted = {
        "TT": ((label > 0).long() + (label == 255).long(), truth),
        "FT": ((label == 255).long(), truth - erosion),
        "BT": ((label > 0).long(), dilation - truth),
    }[rosta]
    unknown = (batch["label"] == 128).float()
    terms = [
        F.cross_entropy(output.semantic_logits, classes),
        losses.l1_alpha(output.detail, wanted, unknown) + losses.laplacian(output.detail, wanted, unknown),
        losses.l1_alpha(output.alpha, truth) + losses.laplacian(output.alpha, truth),
        losses.composition(output.alpha, batch["image"], batch["foreground"], batch["background"]),
    ]
    assert run("gfm", Net(rosta), output, batch)["total"] == pytest.approx(float(sum(terms)) / 4, rel=1e-5)


def test_parity_takes_the_targets_of_gfms_released_code(batch: Batch) -> None:
    output = random_output(2)
    dilation, mask = (batch["label"][:, 0] > 0).long(), (batch["alpha"][:, 0] == 255).long()
    for rosta, target in (("FT", dilation), ("BT", mask)):
        found = run("gfm", Net(rosta), output, batch, parity=True)["semantic_cross_entropy"]
        assert found == pytest.approx(float(F.cross_entropy(output.semantic, target)), rel=1e-5)


def test_rim_sums_three_representations_and_its_own_alpha(batch: Batch) -> None:
    output = rim_output()
    found = run("gfm", Net("RIM"), output, batch)
    assert len(found) == 3 * 6 + 3 + 1
    assert found["total"] == pytest.approx(sum(value for name, value in found.items() if name != "total"), rel=1e-5)
    alone = run("gfm", Net("BT"), random_output(2, seed=2), batch)
    for name in losses.STAGES["matting"]:
        assert found[f"bt_{name}"] == pytest.approx(alone[name], rel=1e-6)
    slip = run("gfm", Net("RIM"), output, batch, parity=True)
    assert slip["bt_fusion_alpha"] == slip["ft_fusion_alpha"] != found["bt_fusion_alpha"]


def test_p3mnet_adds_its_sides(batch: Batch) -> None:
    output = random_output(3)
    sides = {f"side{i}": torch.randn(2, 3, SIZE, SIZE) for i in (2, 1, 0)}
    target, truth = losses.classes(batch["label"]), batch["alpha"] / 255
    entropy = [F.cross_entropy(value, target) for value in sides.values()]
    unknown = (batch["label"] == 128).float()
    wanted = (
        (sum(entropy) + 3 * F.cross_entropy(output.semantic_logits, target)) / 6
        + 2 * (losses.l1_alpha(output.detail, truth, unknown) + losses.laplacian(output.detail, truth, unknown))
        + 3 * (losses.l1_alpha(output.alpha, truth) + losses.laplacian(output.alpha, truth))
        + losses.composition(output.alpha, batch["image"], batch["foreground"], batch["background"])
    )
    output = output._replace(extra=sides)
    assert run("p3mnet", Net(), output, batch)["total"] == pytest.approx(float(wanted), rel=1e-5)
    levels = 255 * (output.alpha * batch["foreground"] + (1 - output.alpha) * batch["background"])
    slip = ((levels - (batch["image"] - 0.5)).abs() / 255).sum(1).mean()
    found = run("p3mnet", Net(), output, batch, parity=True)
    assert found["fusion_composition"] == pytest.approx(float(slip), rel=1e-4)


def test_a_perfect_prediction_costs_nothing(batch: Batch) -> None:
    truth = batch["alpha"] / 255
    for rosta, names in (("TT", losses.CLASSES), ("FT", ("unknown", "foreground")), ("BT", ("background", "unknown"))):
        target = losses.classes(batch["label"], names)
        logits = 30 * F.one_hot(target, len(names)).permute(0, 3, 1, 2).float()
        detail = 1 - truth if rosta == "BT" else truth
        output = MattingOutput(logits.sigmoid(), detail, truth, logits)
        assert run("gfm", Net(rosta), output, batch)["total"] < 1e-4


def test_a_class_that_a_network_does_not_have_counts_as_unknown() -> None:
    label = torch.tensor([0.0, 128.0, 255.0]).reshape(1, 1, 1, 3)
    assert losses.classes(label).flatten().tolist() == [0, 1, 2]
    assert losses.classes(label, ("unknown", "foreground")).flatten().tolist() == [0, 0, 1]
    assert losses.classes(label, ("background", "unknown")).flatten().tolist() == [0, 1, 1]
    assert losses.classes(label, ("unknown",)).flatten().tolist() == [0, 0, 0]


def test_changed_weights_take_the_place_of_the_architectures_own() -> None:
    weights = objectives.term_weights("p3mnet", "matting", {}, {"detail_alpha": 7})
    assert (weights["detail_alpha"], weights["detail_laplacian"]) == (7, 2)
    with pytest.raises(AimkitError, match="unknown term detail_alhpa"):
        objectives.term_weights("p3mnet", "matting", {}, {"detail_alhpa": 7})
    with pytest.raises(AimkitError, match="no stage"):
        objectives.term_weights("gfm", "x", {})


def test_weights_scale_the_terms_in_the_total_only(batch: Batch) -> None:
    output = random_output(3)
    plain = run("aimnet", Net(), output, batch)
    weights = objectives.term_weights("aimnet", "matting", {}, {"fusion_alpha": 3.0, "detail_alpha": 0.0})
    weighted = objectives.compute("aimnet", Net(), output, batch, weights)
    assert {name: float(value) for name, value in weighted.items() if name != "total"} == {
        name: value for name, value in plain.items() if name != "total"
    }
    expected = plain["total"] + 2 * plain["fusion_alpha"] - plain["detail_alpha"]
    assert float(weighted["total"]) == pytest.approx(expected, rel=1e-5)


def test_a_recipe_knows_the_terms_of_its_architecture() -> None:
    data = {"train": {"source": "synth", "recipe": "demo"}, "transform": {"transform": "crop"}}
    keys = {"kind": "train", "steps": 1, "data": data}
    right = {"model": {"name": "gfm", "options": {"rosta": "RIM"}}, "weights": {"bt_detail_alpha": 0.5}}
    assert parse(TrainRecipe, keys | right, "test").weights == {"bt_detail_alpha": 0.5}
    wrong = right | {"model": {"name": "gfm"}}
    with pytest.raises(AimkitError, match="unknown term bt_detail_alpha"):
        parse(TrainRecipe, keys | wrong, "test")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("aimnet", {"width": 8}),
        pytest.param("gfm", {"rosta": "RIM"}, marks=pytest.mark.slow),
        pytest.param("p3mnet", {}, marks=pytest.mark.slow),
    ],
)
def test_the_loss_of_a_loop_of_ones_own_is_that_of_training(batch: Batch, name: str, options: dict[str, Any]) -> None:
    # A backbone given as a module has no name; the network still knows its own.
    network = create_model(name, backbone=create_backbone("mobilenetv3_small_050"), **options).eval()
    with torch.no_grad():
        output = network(network.preprocess(batch["image"]))
    for stage in ("saliency", "matting"):
        weights = objectives.term_weights(name, stage, options)
        expected = objectives.compute(name, network, output, batch, weights, stage=stage)
        found = losses.training_loss(network, output, batch, stage)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[term], expected[term]) for term in expected)


def test_a_wrapped_network_is_told_to_be_unwrapped(batch: Batch) -> None:
    alpha = batch["alpha"] / 255
    with pytest.raises(AimkitError, match="Sequential was not built by create_model") as error:
        losses.training_loss(torch.nn.Sequential(), MattingOutput(alpha, alpha, alpha), batch)  # type: ignore[arg-type]
    assert "unwrap_model" in str(error.value)
