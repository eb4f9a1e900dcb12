"""AimNet: equal to the reference, and what its options do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from aimkit.errors import AimkitError
from aimkit.models.aimnet import AimNet
from aimkit.models.backbones.resnet_mp import ResNet34MP
from aimkit.models.base import MattingModel
from aimkit.models.summary import count_parameters
from aimkit.models.widths import decoder_widths


def test_outputs_equal_the_reference(paper: MattingModel, golden_image: torch.Tensor, golden: Path) -> None:
    wanted = {k: v / 65535 for k, v in np.load(golden / "aimnet" / "seed1.npz").items()}
    with torch.no_grad():
        output = paper(golden_image)
    assert np.abs(output.semantic.numpy() - wanted["semantic"]).max() < 1e-4
    assert np.abs(output.detail.numpy() - wanted["detail"]).max() < 1e-4
    ranked = np.sort(wanted["semantic"], axis=1)
    clear = (ranked[:, -1] - ranked[:, -2] > 1e-4)[:, None]
    assert clear.mean() > 0.99
    assert np.abs(output.alpha.numpy() - wanted["alpha"])[clear].max() < 1e-4


def test_alpha_follows_the_likeliest_class(paper: MattingModel, golden_image: torch.Tensor) -> None:
    with torch.no_grad():
        output = paper(golden_image)
    winner = output.semantic.argmax(1, keepdim=True)
    assert {0, 1, 2} == set(winner.unique().tolist())
    assert (output.alpha[winner == 0] == 0).all()
    assert (output.alpha[winner == 2] == 1).all()
    assert torch.equal(output.alpha[winner == 1], output.detail[winner == 1])


def test_other_sizes_are_padded_by_mirroring(tiny: type) -> None:
    model = AimNet(tiny()).eval()
    image = torch.randn(1, 3, 50, 41)
    with torch.no_grad():
        found = model(image)
        wanted = model.predict(F.pad(image, (0, 23, 0, 14), mode="reflect"))
    for a, b in zip(found[:5], wanted[:5], strict=True):
        assert torch.equal(a, b[..., :50, :41])


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (32, 33), (17, 200)])
def test_any_size_works(tiny: type, size: tuple[int, int]) -> None:
    with torch.no_grad():
        output = AimNet(tiny()).eval()(torch.randn(1, 3, *size))
    assert output.alpha.shape == (1, 1, *size)


@pytest.mark.parametrize(
    ("representation", "classes"), [("generalized", 3), ("usr", 3), ("trimap", 3), ("duomap", 2), ("unimap", 1)]
)
@pytest.mark.parametrize("fusion", ["argmax", "soft"])
def test_representations_have_their_classes(tiny: type, representation: str, classes: int, fusion: str) -> None:
    output = AimNet(tiny(), representation=representation, fusion=fusion).eval()(torch.randn(1, 3, 32, 32))
    assert output.semantic.shape == (1, classes, 32, 32)
    if representation == "unimap":
        assert torch.equal(output.alpha, output.detail)
    if representation == "duomap" and fusion == "soft":
        unknown = output.semantic_logits.softmax(1)[:, 1:]
        assert torch.allclose(output.alpha, unknown * output.detail)


def test_soft_fusion_tends_to_argmax_for_certain_classes() -> None:
    from aimkit.models.fusion import argmax, soft

    names = ("background", "unknown", "foreground")
    logits, detail = torch.randn(2, 3, 8, 8), torch.rand(2, 1, 8, 8)
    logits.scatter_(1, logits.argmax(1, keepdim=True), 12.0)  # the likeliest class leads by far
    assert torch.allclose(soft(logits, detail, names), argmax(logits, detail, names), atol=1e-3)


def test_only_soft_fusion_teaches_the_semantic_decoder_through_alpha(tiny: type) -> None:
    for fusion, taught in (("argmax", False), ("soft", True)):
        model = AimNet(tiny(), fusion=fusion)
        model(torch.randn(2, 3, 64, 64)).alpha.sum().backward()
        assert (model.semantic.head.weight.grad is not None) == taught


def test_attention_parts_can_be_left_out(tiny: type) -> None:
    full, bare = AimNet(tiny()), AimNet(tiny(), se=False, spatial_attention=False)
    gone = full.state_dict().keys() - bare.state_dict().keys()
    assert gone
    assert all(".se" in key or ".spatial_attention." in key for key in gone)
    assert bare(torch.randn(2, 3, 64, 64)).alpha.shape == (2, 1, 64, 64)


@pytest.mark.parametrize("upsample", ["bilinear", "pixelshuffle"])
def test_every_upsampling_reaches_the_full_size(tiny: type, upsample: str) -> None:
    output = AimNet(tiny(), upsample=upsample)(torch.randn(2, 3, 64, 96))
    assert output.detail.shape == (2, 1, 64, 96)


def test_unpooling_is_refused_where_the_indices_do_not_fit(tiny: type) -> None:
    with pytest.raises(AimkitError, match="no pooling indices"):
        AimNet(tiny(), upsample="unpool")
    with pytest.raises(AimkitError, match="64 channels"):
        AimNet(ResNet34MP(), upsample="unpool", width=32)


@pytest.mark.parametrize(
    "options", [{"fusion": "sof"}, {"representation": "x"}, {"upsample": "x"}, {"width": 0}, {"width": "wide"}]
)
def test_unknown_options_are_refused(tiny: type, options: dict[str, object]) -> None:
    with pytest.raises(AimkitError, match="unknown"):
        AimNet(tiny(), **options)


def test_decoders_follow_the_backbone_within_bounds() -> None:
    paper = (64, 64, 128, 256, 512)
    assert decoder_widths("auto", (64, 64, 64, 128, 256, 512)) == paper
    assert decoder_widths("auto", (64, 64, 256, 512, 1024, 2048)) == paper
    assert decoder_widths("auto", (40, 40, 40, 80, 160, 320)) == (40, 40, 80, 160, 320)
    assert decoder_widths("auto", (8, 8, 8, 8, 16, 16)) == (16, 16, 32, 64, 128)
    assert decoder_widths("paper", (8, 8, 8, 8, 16, 16)) == paper


def test_a_mobile_backbone_gets_a_mobile_decoder(tiny: type) -> None:
    lite0 = (16, 16, 24, 40, 112, 320)
    assert count_parameters(AimNet(tiny(channels=lite0))) - count_parameters(tiny(channels=lite0)) < 4.0e6
    assert count_parameters(AimNet(ResNet34MP())) == 54_785_191


def test_outputs_are_close_under_bfloat16_and_channels_last(paper: MattingModel, golden_image: torch.Tensor) -> None:
    with torch.no_grad():
        wanted = paper(golden_image)
        last = paper(golden_image.to(memory_format=torch.channels_last))
        with torch.autocast("cpu", torch.bfloat16):
            half = paper(golden_image)
    assert (last.semantic - wanted.semantic).abs().max() < 1e-4
    assert (last.detail - wanted.detail).abs().max() < 1e-4
    assert half.alpha.dtype == torch.float32
    assert (half.semantic - wanted.semantic).abs().mean() < 0.01
    # Rounding moves some maxima of the pooling to a neighbour, and the unpooled detail with them.
    assert (half.detail - wanted.detail).abs().mean() < 0.06


@pytest.mark.slow
def test_outputs_are_close_when_compiled(paper: MattingModel, golden_image: torch.Tensor) -> None:
    compiled = torch.compile(paper)
    with torch.no_grad():
        wanted, found = paper(golden_image), compiled(golden_image)
    assert (found.semantic - wanted.semantic).abs().max() < 1e-4
    assert (found.detail - wanted.detail).abs().max() < 1e-4


def test_the_classes_alone_give_the_chance_of_foreground_among_the_decided(tiny: type) -> None:
    network = AimNet(tiny(), fusion="soft").eval()
    network.semantic_only = True
    output = network.predict(torch.rand(1, 3, 64, 64))
    background, _, foreground = torch.softmax(output.semantic_logits, 1).split(1, 1)
    torch.testing.assert_close(output.alpha, foreground / (foreground + background))


def test_semantic_skips_add_finer_maps_without_new_weights(tiny: type) -> None:
    torch.manual_seed(0)
    plain, skipping = AimNet(tiny()).eval(), AimNet(tiny(), semantic_skips=True).eval()
    skipping.load_state_dict(plain.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = tuple(p(x) for p, x in zip(plain.projections, plain.backbone(image)[0], strict=True))
        wanted, _ = plain.semantic(maps[-1], maps[2:5])
        before, found = plain(image), skipping(image)
        nothing, _ = plain.semantic(maps[-1], tuple(torch.zeros_like(x) for x in maps[2:5]))
    assert torch.equal(found.semantic_logits, wanted.float())
    assert not torch.allclose(found.semantic_logits, before.semantic_logits)
    # Maps of zeros are as no maps at all.
    assert torch.equal(nothing.float(), before.semantic_logits)
