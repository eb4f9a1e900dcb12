"""EfficientNet-PyTorch's names against timm's own, and the ImageNet weights of EfficientNet-Lite0 on real photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import timm
import torch

from aimkit.efficientnet_pytorch import to_timm
from aimkit.errors import AimkitError
from aimkit.imageio import read_rgba
from aimkit.models.backbones.preprocessing import normalise
from aimkit.models.registry import create_backbone, create_model
from aimkit.models.weights.matching import load_matching
from aimkit.state_dict import read

LITE0 = "tf_efficientnet_lite0"


def their_names(blocks: int, plain: int, squeeze: bool) -> list[str]:
    """The names of the package's modules, in their order; the first ``plain`` blocks do not expand."""
    modules = ["_conv_stem", "_bn0"]
    for number in range(blocks):
        parts = [] if number < plain else ["_expand_conv", "_bn0"]
        parts += ["_depthwise_conv", "_bn1", *(["_se_reduce", "_se_expand"] * squeeze), "_project_conv", "_bn2"]
        modules += [f"_blocks.{number}.{part}" for part in parts]
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    names = []
    for module in [*modules, "_conv_head", "_bn1", "_fc"]:
        last = module.rpartition(".")[2]
        values = norm if last.startswith("_bn") else ["weight", "bias"][: 2 if last[1:3] in ("fc", "se") else 1]
        names += [f"{module}.{value}" for value in values]
    return names


def renamed(model: torch.nn.Module, blocks: int = 16, plain: int = 1, squeeze: bool = False) -> dict[str, torch.Tensor]:
    return dict(zip(their_names(blocks, plain, squeeze), model.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("name", "blocks", "plain", "squeeze"),
    [(LITE0, 16, 1, False), ("tf_efficientnet_b0", 16, 1, True), ("tf_efficientnet_b2", 23, 2, True)],
)
def test_names_become_timms_in_order(name: str, blocks: int, plain: int, squeeze: bool) -> None:
    with torch.device("meta"):
        model = timm.create_model(name)
    assert list(to_timm(renamed(model, blocks, plain, squeeze))) == list(model.state_dict())


def test_other_keys_are_refused() -> None:
    with torch.device("meta"):
        tensors = renamed(timm.create_model(LITE0))
    with pytest.raises(AimkitError, match=r"'_blocks\.3\._swish\.weight' is not a tensor"):
        to_timm(tensors | {"_blocks.3._swish.weight": tensors["_fc.bias"]})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of EfficientNet-Lite0 in the package's names."""
    path = tmp_path_factory.mktemp("weights") / "lite0.pth"
    torch.save(renamed(timm.create_model(LITE0)), path)
    return path


def test_a_backbone_takes_the_file(file: Path) -> None:
    wanted = read(file)
    trunk = create_backbone(LITE0, weights=file).trunk
    state = trunk.state_dict()
    assert len(state) > 280
    assert all(torch.equal(value, wanted[key]) for key, value in state.items())


def test_a_network_starts_from_the_file(file: Path) -> None:
    network = create_model("aimnet", backbone=LITE0)
    match = load_matching(network, file)
    wanted = {f"backbone.trunk.{key}": value for key, value in read(file).items()}
    assert set(match.loaded) == wanted.keys() & network.state_dict().keys()
    assert not any(name.startswith("backbone.trunk.") for name in match.missing)
    assert all(name.split(".")[2] in ("conv_head", "bn2", "classifier") for name in match.unused)
    assert torch.equal(network.backbone.trunk.conv_stem.weight, wanted["backbone.trunk.conv_stem.weight"])


@pytest.mark.slow
def test_the_imagenet_weights_know_animals(shared: Path) -> None:
    """Cut-outs of animals on grey, by the whole classifier: ImageNet's first 398 classes are animals."""
    found = shared / "data" / "weights" / f"{LITE0}.pth"
    photos = sorted((shared / "data" / "fg" / "animals").glob("*.png"))
    if not found.is_file() or not photos:
        pytest.skip("no weights or no cut-outs beside the checkout")
    model = timm.create_model(LITE0).eval()
    model.load_state_dict(read(found))
    preprocessing = create_backbone(LITE0).preprocessing
    batch = torch.stack([normalise(torch.from_numpy(on_grey(photo)), preprocessing) for photo in photos])
    with torch.no_grad():
        best = model(batch).topk(5).indices
    first, all_five = (best[:, 0] < 398).float().mean(), (best < 398).float().mean()
    # Measured: all of 18, and 93 % of the answers. Of random answers 40 % would be animals.
    assert first >= 0.9, f"{first:.0%} of {len(photos)} are animals by the first answer"
    assert all_five >= 0.8, f"{all_five:.0%} of the first five answers are animals"


def on_grey(photo: Path) -> np.ndarray:
    """The visible part of a cut-out on grey, 224 x 224, float32 in [0, 1], (3, H, W)."""
    rgb, alpha = read_rgba(photo)
    matte = (np.asarray(alpha, np.float32) / np.float32(np.iinfo(alpha.dtype).max))[..., None]
    rows, columns = np.flatnonzero(matte.max(axis=(1, 2)) > 0.5), np.flatnonzero(matte.max(axis=(0, 2)) > 0.5)
    seen = (rgb / 255 * matte + 0.5 * (1 - matte))[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = seen.shape[:2]
    side = max(height, width)
    canvas = np.full((side, side, 3), 0.5, np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = seen
    return cv2.resize(canvas, (224, 224), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
