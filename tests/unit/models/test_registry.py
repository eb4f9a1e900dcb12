"""Networks and backbones by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import aimkit
from aimkit.errors import AimkitError
from aimkit.models import registry
from aimkit.models.backbones import contract
from aimkit.models.backbones.contract import Backbone, Features, check_backbone
from aimkit.models.backbones.preprocessing import Preprocessing, normalise
from aimkit.models.registry import create_backbone, create_model
from aimkit.safetensors_file import write_tensors


@pytest.fixture(autouse=True)
def _registered_names_go_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (registry.models, registry.backbones):
        monkeypatch.setattr(table, "_entries", dict(table._entries))


def test_the_ten_line_example_of_the_contract_runs() -> None:
    example = re.search(r"```python\n(.*?)```", contract.__doc__ or "", re.S)
    assert example is not None
    names: dict[str, object] = {
        "Backbone": Backbone,
        "Features": Features,
        "nn": torch.nn,
        "Tensor": torch.Tensor,
        "register_backbone": aimkit.register_backbone,
        "create_model": aimkit.create_model,
        "__name__": "example",
    }
    exec(example[1], names)
    check_backbone(create_backbone("tiny"))
    model = names["model"]
    assert isinstance(model, torch.nn.Module)
    assert model.eval()(torch.zeros(1, 3, 40, 50)).alpha.shape == (1, 1, 40, 50)


def test_a_network_of_ones_own_is_known_by_its_name(tiny: type) -> None:
    from aimkit.models.aimnet import AimNet

    @aimkit.register_model("my_net")
    class MyNet(AimNet):
        """Mine."""

    assert aimkit.list_models("my*") == ["my_net"]
    assert isinstance(create_model("my_net", backbone=tiny(), se=False), MyNet)


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        ({"name": "aimnett"}, "'aimnet'"),
        ({"name": "aimnet", "fusoin": "soft"}, "'fusion'"),
        ({"name": "aimnet", "backbone": "resnet34_mpp"}, "'resnet34_mp'"),
        ({"name": "aimnet", "backbone_options": {"in_chan": 3}}, ""),
    ],
)
def test_unknown_names_get_the_nearest(arguments: dict[str, object], nearest: str) -> None:
    with pytest.raises(AimkitError, match="unknown") as caught:
        create_model(**arguments)
    assert nearest in caught.value.hint


def test_weights_come_from_files(tiny: type, tmp_path: Path) -> None:
    source = create_model("aimnet", backbone=tiny())
    save_file(source.state_dict(), tmp_path / "net.safetensors")
    torch.save({"state_dict": source.state_dict()}, tmp_path / "net.pth")
    torch.save(source.backbone.state_dict(), tmp_path / "trunk.pth")
    for name in ("net.safetensors", "net.pth"):
        model = create_model("aimnet", backbone=tiny(), weights=tmp_path / name)
        assert all(torch.equal(v, source.state_dict()[k]) for k, v in model.state_dict().items())
    trunk = create_backbone(tiny(), weights=tmp_path / "trunk.pth")
    assert all(torch.equal(v, source.backbone.state_dict()[k]) for k, v in trunk.state_dict().items())


def test_bad_weights_are_told(tiny: type, tmp_path: Path) -> None:
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"not weights")
        with pytest.raises(AimkitError, match="neither safetensors nor a PyTorch checkpoint"):
            create_model("aimnet", backbone=tiny(), weights=tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(AimkitError, match="list, not a state dict"):
        create_model("aimnet", backbone=tiny(), weights=tmp_path / "list.pth")
    with pytest.raises(AimkitError, match="weights file not found"):
        create_model("aimnet", backbone=tiny(), weights=tmp_path / "none.pth")


def test_a_file_that_would_run_code_is_refused(tiny: type, tmp_path: Path) -> None:
    torch.save({"state_dict": print}, tmp_path / "evil.pth")
    with pytest.raises(AimkitError, match="holds more than tensors"):
        create_model("aimnet", backbone=tiny(), weights=tmp_path / "evil.pth")


def test_building_reads_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr("aimkit.models.weights.loading.load", refuse)
    with torch.device("meta"):
        create_model("aimnet")
    with pytest.raises(AssertionError, match="weights were read"), torch.device("meta"):
        create_model("aimnet", pretrained=True)


def test_other_channels_than_three_are_allowed() -> None:
    model = create_model("aimnet", in_chans=5).eval()
    assert model.preprocess(torch.zeros(1, 5, 32, 32)).shape == (1, 5, 32, 32)
    with torch.no_grad():
        assert model(torch.zeros(1, 5, 32, 32)).alpha.shape == (1, 1, 32, 32)


def test_a_backbone_that_breaks_the_contract_is_refused(tiny: type) -> None:
    with pytest.raises(AimkitError, match="channels must list 6"):
        create_model("aimnet", backbone=torch.nn.Identity())
    liar = tiny()
    liar.channels = (8, 8, 16, 16, 32, 64)
    with pytest.raises(AimkitError, match="its maps are"):
        check_backbone(liar)
    liar = tiny()
    liar.has_indices = True
    with pytest.raises(AimkitError, match="has_indices"):
        check_backbone(liar)
    with pytest.raises(AimkitError, match="3 means for 4"):
        create_model("aimnet", backbone=tiny(), in_chans=4)


def test_normalisation_uses_the_range_that_was_trained_on() -> None:
    image = torch.rand(2, 3, 4, 5)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (Preprocessing().mean, Preprocessing().std))
    assert torch.allclose(normalise(image, Preprocessing()), (image - mean) / std)
    plain = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), value_range=255.0)
    assert torch.allclose(normalise(image, plain), image * 255)
    assert Preprocessing().for_channels(4).mean == (0.485, 0.456, 0.406, 0.485)


def test_listing_imports_no_torch() -> None:
    code = "import sys, aimkit; assert 'aimnet' in aimkit.list_models(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weights_alone_are_enough_and_bring_options_and_inference_defaults(tmp_path: Path) -> None:
    options = {"width": 8, "fusion": "soft"}
    first = create_model("aimnet", backbone="mobilenetv3_small_050", **options).eval()
    about = {"architecture": "aimnet", "backbone": "mobilenetv3_small_050", "options": json.dumps(options)}
    about["predict"] = json.dumps({"strategy": "whole", "scale": 0.5})
    write_tensors(first.state_dict(), tmp_path / "w.safetensors", about)
    again = create_model(weights=tmp_path / "w.safetensors").eval()
    photo = torch.rand(1, 3, 64, 64)
    assert torch.equal(again(photo).alpha, first(photo).alpha)
    assert again.build == first.build
    assert (again.strategy, again.inference_defaults) == ("whole", {"scale": 0.5})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "missing the name of a network"),
        ({"weights": "plain"}, "the weights don't state which network they belong to"),
        ({"weights": "trunk"}, "the weights of a backbone alone, resnet18"),
        ({"weights": "trunk", "backbone": "resnet18", "width": 8}, "backbone, width can't be given without the name"),
        ({"weights": "nothere.safetensors"}, "weights file not found"),
    ],
)
def test_what_a_network_can_not_be_told_from_is_an_error(
    arguments: dict[str, object], told: str, tmp_path: Path
) -> None:
    write_tensors({"a": torch.zeros(2)}, tmp_path / "plain.safetensors", {})
    write_tensors({"a": torch.zeros(2)}, tmp_path / "trunk.safetensors", {"backbone": "resnet18"})
    if arguments.get("weights") in ("plain", "trunk"):
        arguments = {**arguments, "weights": tmp_path / f"{arguments['weights']}.safetensors"}
    with pytest.raises(AimkitError) as error:
        create_model(**arguments)  # type: ignore[arg-type]
    assert told in str(error.value)
