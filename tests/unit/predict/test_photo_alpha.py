"""A photo's own alpha channel: what it hides stays hidden."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aimkit.models.base import MattingModel
from aimkit.predict import Predictor


@pytest.fixture
def rgba() -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 4), np.uint8)
    pixels[:, :40, 3] = 0
    pixels[:, 40:, 3] = 255
    pixels[:, 60:, 3] = 128
    return pixels


@pytest.mark.parametrize("form", ["array", "file", "bytes", "PIL"])
def test_the_result_is_multiplied_by_the_alpha_channel(
    rgba: np.ndarray, tmp_path: Path, form: str, tiny_net: MattingModel
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    photo = {
        "array": rgba,
        "file": tmp_path / "a.png",
        "bytes": buffer.getvalue(),
        "PIL": Image.fromarray(rgba),
    }[form]
    plain = Predictor(tiny_net, "whole", device="cpu", ignore_alpha=True)(photo)
    masked = Predictor(tiny_net, "whole", device="cpu")(photo)
    assert not plain.masked
    assert masked.masked
    np.testing.assert_allclose(masked.alpha, plain.alpha * rgba[..., 3] / np.float32(255), atol=1e-6)


def test_an_opaque_alpha_channel_changes_nothing(rgba: np.ndarray, tiny_net: MattingModel) -> None:
    rgba[..., 3] = 255
    predictor = Predictor(tiny_net, "whole", device="cpu")
    assert not predictor(rgba).masked
    assert np.array_equal(predictor(rgba).alpha, predictor(rgba[..., :3]).alpha)
