from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from aimkit.errors import AimkitError
from aimkit.models.backbones.factory import create
from aimkit.models.registry import create_backbone


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_a_file_of_timm_weights_is_loaded(name: str, suffix: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    original = timm.create_model(name)
    file = tmp_path / f"weights.{suffix}"
    save_file(original.state_dict(), file) if suffix == "safetensors" else torch.save(original.state_dict(), file)
    trunk = create_backbone(name, weights=file).trunk
    features = trunk.model if hasattr(trunk, "model") else trunk
    for key, value in features.state_dict().items():
        # The pooled position of a fixed grid is the only thing that timm resamples.
        assert torch.equal(value, original.state_dict()[key]), key


def test_a_file_of_our_own_is_loaded(tmp_path: Path) -> None:
    first, file = create("test_resnet"), tmp_path / "own.pth"
    torch.save(first.state_dict(), file)
    second = create("test_resnet", weights=file)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save({"something": torch.zeros(3)}, file)
    with pytest.raises(AimkitError, match="only 0 of"):
        create("test_resnet", weights=file)


def test_preprocessing_is_that_of_the_weights() -> None:
    config = timm.get_pretrained_cfg("vit_base_patch16_clip_224.openai")
    assert create("test_vit").preprocessing.mean == (0.5, 0.5, 0.5)
    with torch.device("meta"):
        backbone = create("vit_base_patch16_clip_224.openai")
    assert backbone.preprocessing.mean == config.mean
    assert backbone.preprocessing.std == config.std


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "csatv2"])
def test_images_of_four_channels_are_taken(name: str) -> None:
    backbone = create(name, in_chans=4).eval()
    maps, _ = backbone(torch.rand(1, 4, 64, 64))
    assert [m.shape[-1] for m in maps] == [64, 32, 16, 8, 4, 2]
    assert len(backbone.preprocessing.mean) == 4


def test_gradient_checkpointing_gives_the_same_maps() -> None:
    backbone = create("test_vit").train()
    image = torch.rand(1, 3, 64, 64)
    plain = backbone(image).maps[-1]
    backbone.set_grad_checkpointing()
    assert torch.allclose(plain, backbone(image).maps[-1], atol=1e-6)


def test_options_go_to_timm() -> None:
    backbone = create("mixer_s16_224", img_size=96)
    assert str(backbone.spec.size) == "=96x96"
