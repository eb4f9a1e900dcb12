"""Networks that are saved for the hub and come back equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models.base import MattingModel
from aimkit.models.registry import create_backbone, create_model


def test_a_saved_network_comes_back_equal(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = create_model("aimnet", backbone="mobilenetv3_small_050", width=8).eval()
    names = set(model.state_dict())
    model.save_pretrained(tmp_path / "a")
    assert json.loads((tmp_path / "a" / "config.json").read_text())["network"]["backbone"] == "mobilenetv3_small_050"
    assert "image-matting" in (tmp_path / "a" / "README.md").read_text()
    again = MattingModel.from_pretrained(tmp_path / "a")
    assert set(again.state_dict()) == names
    assert not again.training
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(image).alpha, again(image).alpha)


def test_a_network_of_an_unknown_backbone_is_not_saved(tmp_path: Path) -> None:
    model = create_model("aimnet", backbone=create_backbone("mobilenetv3_small_050"), width=8)
    with pytest.raises(AimkitError, match="does not know how it was built"):
        model.save_pretrained(tmp_path / "a")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    with pytest.raises(AimkitError, match="does not name the network"):
        MattingModel.from_pretrained(tmp_path)
