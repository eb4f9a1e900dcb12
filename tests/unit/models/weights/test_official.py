"""Released state dicts, in and out."""

from __future__ import annotations

import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models.aimnet import AimNet
from aimkit.models.backbones.resnet_mp import ResNet34MP
from aimkit.models.base import MattingModel
from aimkit.models.weights import official

State = dict[str, torch.Tensor]


@pytest.fixture
def model() -> MattingModel:
    with torch.device("meta"):
        network = AimNet(ResNet34MP())
    return network.to_empty(device="cpu")


@pytest.fixture
def backbone_file(golden_weights: State) -> State:
    """The bare ImageNet backbone, with its classifier."""
    return {k.removeprefix("resnet."): v for k, v in golden_weights.items() if k.startswith("resnet.")}


def test_every_key_is_accounted_for_and_comes_back(model: MattingModel, golden_weights: State) -> None:
    report = official.load_state_dict(model, golden_weights)
    assert report.format == "aimnet"
    assert (report.loaded, len(report.aliases), len(report.unused)) == (482, 216, 2)
    assert report.loaded == len(model.state_dict())
    back = official.state_dict(model, report.unused)
    assert back.keys() == golden_weights.keys()
    assert len(back) == 700
    assert all(torch.equal(back[key], value) for key, value in golden_weights.items())


def test_aliases_share_storage_on_the_way_out(paper: MattingModel) -> None:
    back = official.state_dict(paper)
    assert back["encoder2.0.conv1.weight"].data_ptr() == back["resnet.layer2.0.conv1.weight"].data_ptr()
    assert back["resnet.fc.weight"].shape == (1000, 512)


def test_wrappers_and_prefixes_are_taken_off(model: MattingModel, golden_weights: State) -> None:
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in golden_weights.items()}}
    assert official.load_state_dict(model, wrapped).loaded == 482


def test_aliases_may_be_missing_and_must_agree(model: MattingModel, golden_weights: State) -> None:
    lean = {k: v for k, v in golden_weights.items() if not k.startswith("encoder")}
    assert official.load_state_dict(model, lean).aliases == []
    key = "encoder1.0.0.conv1.weight"
    before = model.backbone.conv1.weight.clone()
    with pytest.raises(AimkitError, match=f"'{key}' differs"):
        official.load_state_dict(model, golden_weights | {key: golden_weights[key] + 1})
    assert torch.equal(model.backbone.conv1.weight, before)


def test_a_bare_backbone_goes_into_a_backbone_and_a_network(
    model: MattingModel, backbone_file: State, golden_weights: State
) -> None:
    head = model.semantic.head.weight.clone()
    report = official.load_state_dict(model, {"state_dict": backbone_file})
    assert report.format == "resnet34_mp"
    assert set(report.unused) == {"fc.weight", "fc.bias"}
    assert torch.equal(model.backbone.layer3[5].conv2.weight, golden_weights["resnet.layer3.5.conv2.weight"])
    # Bit by bit: the fixture's weights are uninitialised memory, and NaN does not equal itself.
    assert torch.equal(model.semantic.head.weight.view(torch.int32), head.view(torch.int32))
    trunk = ResNet34MP()
    report = official.load_state_dict(trunk, backbone_file)
    back = official.state_dict(trunk, report.unused)
    assert back.keys() == backbone_file.keys()
    assert all(torch.equal(back[key], value) for key, value in backbone_file.items())


def test_our_own_state_dict_is_loaded_as_it_is(model: MattingModel, paper: MattingModel) -> None:
    report = official.load_state_dict(model, paper.state_dict())
    assert (report.format, report.loaded) == ("aimkit", 482)


def test_batch_counters_may_be_missing(model: MattingModel, golden_weights: State) -> None:
    old = {k: v for k, v in golden_weights.items() if not k.endswith("num_batches_tracked")}
    official.load_state_dict(model, old)
    assert torch.equal(model.matting.head.bias, golden_weights["decoder_final_l.bias"])


def test_what_does_not_fit_is_told_and_nothing_is_loaded(model: MattingModel, golden_weights: State) -> None:
    before = {k: v.clone() for k, v in model.state_dict().items()}
    head = "decoder_final_g.weight"
    wrong = [
        ({**golden_weights, "decoder9_g.weight": torch.zeros(1)}, "unknown keys.*decoder9_g.weight"),
        ({k: v for k, v in golden_weights.items() if k != "psp1.0.bias"}, "1 missing"),
        ({**golden_weights, head: torch.zeros(2, 64, 3, 3)}, r"\(2, 64, 3, 3\)"),
        ({"a": torch.zeros(1)}, "another network"),
        ({"state_dict": {"a": 1}}, "not a tensor"),
        ({}, "no tensors"),
    ]
    for state, message in wrong:
        with pytest.raises(AimkitError, match=message):
            official.load_state_dict(model, state)
    after = model.state_dict()
    assert all(torch.equal(after[key].nan_to_num(), value.nan_to_num()) for key, value in before.items())


def test_a_network_of_another_shape_has_no_released_form(tiny: type) -> None:
    with pytest.raises(AimkitError, match="no released format"):
        official.state_dict(AimNet(tiny()))
    with pytest.raises(AimkitError, match="no released format"):
        official.state_dict(AimNet(ResNet34MP(), se=False))
