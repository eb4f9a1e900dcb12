"""GFM and P3M-Net: equal to the references, and what their options do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import MattingOutput
from aimkit.models.backbones.resnet_mp import ResNet34MP
from aimkit.models.base import MattingModel
from aimkit.models.fusion import ROSTAS
from aimkit.models.gfm import GFM
from aimkit.models.p3mnet import P3MNet
from aimkit.models.registry import create_backbone, create_model
from aimkit.models.summary import count_parameters
from aimkit.models.weights import official

State = dict[str, torch.Tensor]
Released = Callable[[str], State]

#: Form, network, backbone, options, and what its report counts: loaded, aliases, unused.
FORMS = {
    "gfm_r34_TT": ("gfm", "resnet34", {}, (470, 216, 2)),
    "gfm_r34_FT": ("gfm", "resnet34", {"rosta": "FT"}, (470, 216, 2)),
    "gfm_r34_BT": ("gfm", "resnet34", {"rosta": "BT"}, (470, 216, 2)),
    "gfm_r34_RIM": ("gfm", "resnet34", {"rosta": "RIM"}, (540, 216, 2)),
    "gfm_r34_2b_TT": ("gfm", "resnet34_2b", {}, (606, 210, 15)),
    "gfm_d121_TT": ("gfm", "densenet121", {}, (981, 720, 7)),
    "p3mnet": ("p3mnet", "resnet34_mp", {}, (495, 216, 2)),
}
SLOW = ("gfm_r34_2b_TT",)
every_form = pytest.mark.parametrize(
    "form", [pytest.param(form, marks=[pytest.mark.slow] if form in SLOW else []) for form in FORMS]
)


def built(form: str) -> MattingModel:
    """On the meta device first, so that no time goes into weights that are replaced anyway."""
    name, backbone, options, _ = FORMS[form]
    with torch.device("meta"):
        model = create_model(name, backbone=backbone, **options)
    return model.to_empty(device="cpu").eval()


def recorded(form: str, output: MattingOutput) -> dict[str, torch.Tensor]:
    """The outputs by the names that they were recorded under."""
    plain = output._asdict() | dict(output.extra)
    if form == "p3mnet":
        return {"semantic": output.semantic_logits, "detail": output.detail, "alpha": output.alpha} | {
            f"semantic_{name}": value for name, value in output.extra.items()
        }
    return plain


def image() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(101).standard_normal((1, 3, 64, 96)).astype(np.float32))


@every_form
def test_released_weights_go_in_and_out_and_give_the_recorded_outputs(
    form: str, released: Released, golden: Path
) -> None:
    model, state = built(form), released(form)
    report = official.load_state_dict(model, state)
    assert report.format == form.lower().removesuffix("_tt").removesuffix("_ft").removesuffix("_bt")
    assert (report.loaded, len(report.aliases), len(report.unused)) == FORMS[form][3]
    back = official.state_dict(model, report.unused)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], value) for key, value in state.items())
    with torch.no_grad():
        found = recorded(form, model(image()))
    names = [key for key in np.load(golden / "related/seed1.npz") if key.startswith(f"{form}/")]
    assert len(names) == {"gfm_r34_RIM": 10, "p3mnet": 6}.get(form, 3)
    for name in names:
        wanted = np.load(golden / "related/seed1.npz")[name]
        assert np.abs(found[name.split("/")[1]][..., 1::4, 2::4].numpy() - wanted).max() < 1e-4, name


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_pixel_equals_the_reference(form: str, released: Released, shared: Path) -> None:
    model = built(form)
    official.load_state_dict(model, released(form))
    wanted = np.load(shared / f"golden/{form}_seed1.npz")
    with torch.no_grad():
        found = recorded(form, model(torch.from_numpy(wanted["image"])))
    for name in set(wanted) - {"image"}:
        assert np.abs(found[name].numpy() - wanted[name]).max() < 1e-4, name


def test_gfm_on_resnet101_has_the_parameters_and_keys_of_the_paper() -> None:
    with torch.device("meta"):
        state = official.state_dict(create_model("gfm", backbone="resnet101"))
    own = [value for key, value in state.items() if not key.startswith("encoder")]
    assert 497.2e6 < sum(v.numel() for v in own if v.dtype == torch.float32) < 497.5e6
    assert state["decoder4_g.0.weight"].shape == (2048, 4096, 3, 3)
    assert state["decoder3_f.3.weight"].shape == (512, 1024, 3, 3)
    assert state["decoder1_g.6.weight"].shape == (64, 128, 3, 3)
    assert official.recognise(state).name == "gfm_r101"


def test_other_backbones_get_decoders_of_moderate_width_and_no_idle_stem() -> None:
    with torch.device("meta"):
        plain, chosen = (create_model("gfm", backbone="resnet50", **kw) for kw in ({}, {"width": "backbone"}))
    assert count_parameters(plain) < 65e6 < 400e6 < count_parameters(chosen)
    assert plain.backbone.channels[0] == 0
    assert not [name for name, _ in plain.named_parameters() if ".stem." in name]


def test_gfm_sees_levels_that_are_not_normalised(tiny: type) -> None:
    model = GFM(tiny())
    assert torch.equal(model.preprocess(torch.full((1, 3, 2, 2), 0.5)), torch.full((1, 3, 2, 2), 127.5))
    assert P3MNet(tiny()).preprocessing.value_range == 1


@pytest.mark.parametrize(("rosta", "sign"), [("FT", 1), ("BT", -1)])
def test_alpha_is_the_papers_formula(rosta: str, sign: int) -> None:
    draw = torch.Generator().manual_seed(0)
    logits, detail = torch.randn(2, 2, 8, 8, generator=draw), torch.rand(2, 1, 8, 8, generator=draw)
    sure = logits.argmax(1, keepdim=True)
    part = ROSTAS[rosta]
    assert torch.equal(part.fuse(logits, detail, part.classes), (sure + sign * detail).clamp(0, 1))


def test_every_parameter_of_rim_learns_and_two_passes_are_refused(tiny: type) -> None:
    model = GFM(tiny(), rosta="RIM")
    output = model(torch.randn(2, 3, 64, 64))
    maps = [*output[:5], *output.extra.values()]
    torch.stack([value.mean() for value in maps]).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert not callable(model.fuse)
    from aimkit.predict import strategies

    photo = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(AimkitError, match="does not follow from semantic classes and detail"):
        strategies.hybrid(model, photo)
    assert strategies.resize(model, photo).shape == (64, 64)


def test_p3mnet_unpools_with_indices_and_upsamples_without(tiny: type) -> None:
    with torch.device("meta"):
        assert type(P3MNet(ResNet34MP()).matting.up8).__name__ == "Unpool"
    model = P3MNet(tiny())
    assert type(model.matting.up8).__name__ == "Bilinear"
    output = model(torch.randn(2, 3, 50, 70))
    assert set(output.extra) == {"side2", "side1", "side0"}
    assert all(side.shape == (2, 3, 50, 70) for side in output.extra.values())
    with pytest.raises(AimkitError, match="no pooling indices"):
        P3MNet(tiny(), upsample="unpool")


def test_the_likeliest_class_decides_even_where_sigmoids_are_equal(tiny: type) -> None:
    model = P3MNet(tiny())
    logits = torch.tensor([20.0, 30.0, 40.0]).view(1, 3, 1, 1)
    assert float(model.fuse(logits, torch.full((1, 1, 1, 1), 0.3), model.classes)) == 1
    assert float(model.scores(logits)[0, 2]) == pytest.approx(1, abs=1e-4)


def test_our_backbones_of_gfm_serve_other_networks() -> None:
    with torch.device("meta"):
        for name in ("resnet34_2b", "densenet121_gfm"):
            model = create_model("aimnet", backbone=name)
            assert model.eval()(torch.empty(1, 3, 64, 64)).alpha.shape == (1, 1, 64, 64)
            assert min(create_backbone(name).channels) > 0


@pytest.mark.parametrize("options", [{"rosta": "TF"}, {"width": "wide"}, {"finest": 4}])
def test_unknown_options_are_refused(tiny: type, options: dict[str, Any]) -> None:
    with pytest.raises(AimkitError):
        GFM(tiny(), **options)


def test_weights_of_another_rosta_are_refused(released: Released) -> None:
    with torch.device("meta"):
        model = create_model("gfm", backbone="resnet34", rosta="TT")
    with pytest.raises(AimkitError, match=r"\(2, 64, 3, 3\)"):
        official.load_state_dict(model, released("gfm_r34_BT"))
