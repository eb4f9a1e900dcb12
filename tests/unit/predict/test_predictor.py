from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import aimkit
from aimkit.errors import AimkitError
from aimkit.models.registry import create_model
from aimkit.predict import Predictor
from aimkit.predict.collect import PhotoJob
from aimkit.predict.files import predict_files
from aimkit.predict.output import CompositeStyle
from aimkit.predict.strategies import run


def predictor(model: Any, **options: Any) -> Predictor:
    return Predictor(model, device="cpu", **options)


def test_it_is_the_strategy_on_the_photo(pointwise: Any, smooth_photo: np.ndarray) -> None:
    assert aimkit.Predictor is Predictor
    for name, options in (("hybrid", {"detail_scale": 1 / 3}), ("tiled", {"tile": 96, "overlap": 8})):
        prediction = predictor(pointwise(), strategy=name, **options)(smooth_photo)
        result = run(name, pointwise(), smooth_photo, **options)
        assert np.array_equal(prediction.alpha, result.alpha)
        assert np.array_equal(prediction.semantic, result.semantic)
        assert np.array_equal(prediction.detail, result.detail)


def test_files_and_bytes_are_read_upright(pointwise: Any, smooth_photo: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    buffer = io.BytesIO()
    Image.fromarray(np.rot90(smooth_photo)).save(buffer, "PNG", exif=exif)
    (tmp_path / "photo.png").write_bytes(buffer.getvalue())
    wanted = predictor(pointwise())(smooth_photo).alpha
    for photo in (buffer.getvalue(), tmp_path / "photo.png", str(tmp_path / "photo.png")):
        assert np.array_equal(predictor(pointwise())(photo).alpha, wanted)


def test_a_batch_is_its_photos_one_by_one(tiny_net: Any) -> None:
    photos = list(np.random.default_rng(0).integers(0, 256, (3, 90, 70, 3), np.uint8))
    model = predictor(tiny_net)
    for one, together in zip(map(model, photos), model.batch(photos), strict=True):
        assert np.abs(one.alpha - together.alpha).mean() < 1e-3
        assert np.array_equal(together.image, one.image)
    assert model.batch([]) == []
    with pytest.raises(AimkitError, match="one size, not 60x90, 70x90"):
        model.batch([photos[0], photos[1][:, :60]])


def test_colours_are_estimated_only_when_asked_for(pointwise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from aimkit.matting import foreground

    calls = []
    monkeypatch.setattr(foreground, "estimate", lambda image, alpha, method: calls.append(method) or image)
    photo = np.full((40, 50, 3), 100, np.uint8)
    prediction = predictor(pointwise(), foreground="blur_fusion")(photo)
    assert calls == []
    assert prediction.cutout().shape == (40, 50, 4)
    assert prediction.foreground is prediction.foreground
    assert calls == ["blur_fusion"]
    plain = predictor(pointwise(), foreground=False)(photo)
    assert plain.foreground is None
    assert np.array_equal(plain.cutout()[..., :3], photo)


def test_a_cut_out_has_no_fringe(pointwise: Any) -> None:
    """A red thing over green, half covered at its edge: its colour there is red, not the mixture."""
    ramp = np.clip((np.arange(120) - 50) / 20, 0, 1)[None].repeat(80, 0)
    photo = np.dstack([ramp, 1 - ramp, 0 * ramp])
    prediction = predictor(pointwise(), foreground="blur_fusion")(np.rint(photo * 255).astype(np.uint8))
    object.__setattr__(prediction, "alpha", ramp.astype(np.float32))
    edge = (ramp > 0.2) & (ramp < 0.8)
    color = prediction.cutout()[edge].astype(int)
    assert color[:, 0].min() > 200
    assert color[:, 1].max() < 60


def test_a_short_side_bounds_what_the_network_sees(pointwise: Any, smooth_photo: np.ndarray) -> None:
    model = pointwise()
    prediction = predictor(model, strategy="whole", short_side=100)(smooth_photo)
    assert model.seen == [(1, 3, 100, 140)]
    assert prediction.alpha.shape == prediction.semantic.shape == smooth_photo.shape[:2]
    full = predictor(model, strategy="whole", short_side=300)(smooth_photo)
    assert model.seen[-1] == (1, 3, 300, 420)
    assert np.abs(prediction.alpha - full.alpha).mean() < 0.01
    assert (prediction.semantic == full.semantic).mean() > 0.98


def test_mixed_precision_and_memory_format_change_little(tiny_net: Any, smooth_photo: np.ndarray) -> None:
    plain = predictor(tiny_net, strategy="resize", precision="fp32")(smooth_photo)
    mixed = predictor(tiny_net, strategy="resize", precision="bf16", channels_last=True)(smooth_photo)
    assert mixed.alpha.dtype == np.float32
    assert not np.array_equal(mixed.detail, plain.detail)
    assert np.abs(mixed.detail - plain.detail).mean() < 0.01


@pytest.mark.slow
def test_a_compiled_network_gives_the_same(tiny_net: Any, smooth_photo: np.ndarray) -> None:
    plain = predictor(tiny_net)(smooth_photo)
    compiled = predictor(tiny_net, compile=True)(smooth_photo)
    assert np.abs(compiled.detail - plain.detail).max() < 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "quantum"}, "can't use the device 'quantum'"),
        ({"precision": "int4"}, "unknown precision 'int4'"),
        ({"strategy": "tilted"}, "did you mean 'tiled'"),
        ({"semantic": 1}, "unknown key"),
        ({"foreground": "magic"}, "unknown method 'magic'"),
        ({"short_side": 0}, "must be at least 1, not 0"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], message: str, pointwise: Any) -> None:
    with pytest.raises(AimkitError, match=message):
        Predictor(pointwise(), **{"device": "cpu", **options})


def test_weights_that_know_their_network_need_no_names(
    few_convs: str, smooth_photo: np.ndarray, tmp_path: Path
) -> None:
    options = {"representation": "duomap", "width": 8}
    torch.manual_seed(0)
    model = create_model("aimnet", backbone=few_convs, **options)
    about = {"architecture": "aimnet", "backbone": few_convs, "options": json.dumps(options)}
    file = tmp_path / "run" / "checkpoints" / "step_00000001" / "model.safetensors"
    file.parent.mkdir(parents=True)
    save_file(model.state_dict(), file, about)
    wanted = predictor(model)(smooth_photo).alpha
    for weights in (file, tmp_path / "run"):
        assert np.array_equal(Predictor.load(weights, device="cpu")(smooth_photo).alpha, wanted)
    with pytest.raises(AimkitError, match="belong to another network"):
        Predictor.load(file, backbone="resnet34_mp", device="cpu", model_options={"width": 8})


def test_weights_without_facts_need_names(few_convs: str, smooth_photo: np.ndarray, tmp_path: Path) -> None:
    model = create_model("aimnet", backbone=few_convs, width=8)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    loaded = Predictor.load(tmp_path / "w.pth", backbone=few_convs, model_options={"width": 8}, device="cpu")
    assert np.array_equal(loaded(smooth_photo).alpha, predictor(model)(smooth_photo).alpha)
    (tmp_path / "torn.safetensors").write_bytes(b"\x10")
    with pytest.raises(AimkitError, match="neither safetensors nor a PyTorch checkpoint"):
        Predictor.load(tmp_path / "torn.safetensors")
    with pytest.raises(AimkitError, match="weights file not found"):
        Predictor.load(tmp_path / "none.pth")


@pytest.mark.parametrize("name", ["semantic_logits", "detail", "alpha"])
@pytest.mark.parametrize("strategy", ["whole", "resize", "hybrid", "tiled", "refined"])
def test_nan_in_any_map_is_an_error_and_not_an_empty_matte(
    name: str, strategy: str, pointwise: Any, smooth_photo: np.ndarray
) -> None:
    class Broken(pointwise):  # type: ignore[misc]
        def forward(self, image: torch.Tensor) -> Any:
            output = super().forward(image)
            values = getattr(output, name).clone()
            values[:, 0, 0, 0] = torch.nan
            return output._replace(**{name: values})

    told = name.replace("_", " ")
    with pytest.raises(AimkitError, match=f"the network predicted NaN or infinite {told}"):
        predictor(Broken(), strategy=strategy)(smooth_photo)


def test_nan_of_one_photo_leaves_the_others(pointwise: Any, smooth_photo: np.ndarray, tmp_path: Path) -> None:
    class NoReds(pointwise):  # type: ignore[misc]
        def forward(self, image: torch.Tensor) -> Any:
            output = super().forward(image)
            lost = torch.full_like(output.semantic_logits, torch.nan) if image.amax() == 0 else output.semantic_logits
            return output._replace(semantic_logits=lost)

    for stem, photo in (("a", smooth_photo), ("b", 0 * smooth_photo), ("c", smooth_photo)):
        Image.fromarray(photo).save(tmp_path / f"{stem}.png")
    jobs = [PhotoJob(tmp_path / f"{stem}.png", stem) for stem in "abc"]
    style = CompositeStyle(8, None)
    skips = predict_files(jobs, predictor(NoReds()), tmp_path / "out", ["alpha"], style)
    assert len(skips) == 1
    assert sorted(path.stem for path in (tmp_path / "out" / "alpha").iterdir()) == ["a", "c"]
