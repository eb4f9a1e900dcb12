"""P3M-Net (Li et al.: Privacy-Preserving Portrait Matting, ACM Multimedia 2021) on any backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aimkit.models.backbones.contract import Backbone, MattingOutput
from aimkit.models.base import MattingModel
from aimkit.models.blocks import conv_chain, enlarge, projection, upsampler
from aimkit.models.exported.traits import Scales
from aimkit.models.fusion import Fusion
from aimkit.models.widths import Width, Widths, choose_upsampling, decoder_widths

CLASSES = 3


class P3MNet(MattingModel):
    """A semantic and a matting decoder on one backbone that exchange features at every stride.

    With the backbone ``resnet34_mp`` it is the paper's network. With another backbone each map is first projected to
    the decoders' width. Without pooling indices, the matting decoder upsamples.

    Its ``extra`` outputs are the logits of the side outputs, ``side2`` (from stride 8), ``side1`` and ``side0``.

    Args:
        backbone: Module that keeps the backbone contract.
        upsample: Upsampling of the matting decoder, as for AimNet: ``unpool``, ``bilinear``, ``pixelshuffle`` or
            ``auto``.
        width: Channels of the decoders, as for AimNet: ``auto``, ``paper`` or a number.

    Raises:
        AimkitError: An option is unknown, or ``unpool`` has no indices that fit.
    """

    declarable: ClassVar[Mapping[str, Any]] = {
        "upsample": Literal["auto", "unpool", "bilinear", "pixelshuffle"],
        "width": Width,
    }
    scales = Scales(semantic=1 / 2, detail=1, resize=1 / 2)

    def __init__(self, backbone: Backbone, *, upsample: str = "auto", width: int | str = "auto") -> None:
        super().__init__(backbone)
        self.fuse: Fusion = fuse
        widths = decoder_widths(width, backbone.channels)
        upsample = choose_upsampling(upsample, widths, backbone)
        inner = (widths.s1, widths.s1, *widths[1:])
        self.projections = nn.ModuleList(projection(c, w) for c, w in zip(backbone.channels, inner, strict=True))
        self.semantic = P3MSemanticDecoder(widths)
        self.matting = P3MMattingDecoder(widths, upsample)

    def predict(self, image: Tensor) -> MattingOutput:
        maps, indices = self.backbone(image)
        maps = tuple(project(x) for project, x in zip(self.projections, maps, strict=True))
        logits, features, sides = self.semantic(maps[-1])
        detail_logits = self.matting(maps, indices, features).float()
        logits, detail = logits.float(), torch.sigmoid(detail_logits)
        extra = {name: side.float() for name, side in sides.items()}
        alpha = self.fuse(logits, detail, self.classes)
        return MattingOutput(self.scores(logits), detail, alpha, logits, detail_logits, extra)

    def scores(self, semantic_logits: Tensor) -> Tensor:
        """The softmax, since this network is trained without a sigmoid, unlike AimNet."""
        return semantic_logits.softmax(dim=1)


def fuse(semantic_logits: Tensor, detail: Tensor, classes: tuple[str, ...]) -> Tensor:
    """P3M-Net's fusion: the largest logit decides; background is 0, foreground is 1, unknown is the detail."""
    winner = semantic_logits.max(dim=1, keepdim=True).indices
    alpha = detail.masked_fill(winner == classes.index("background"), 0.0)
    return alpha.masked_fill(winner == classes.index("foreground"), 1.0)


class P3MSemanticDecoder(nn.Module):
    """Class logits of the image's size, from the coarsest map.

    Returns:
        The logits; the features of strides 16, 8, 4 and 2 for the matting decoder; the side outputs.
    """

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        s1, s4, s8, s16, s32 = widths
        self.block32 = conv_chain(s32, s32, s32, s16)
        self.block16 = conv_chain(s16, s16, s16, s8)
        self.dbfi8 = DeepFeatures(s8, s32, 4)
        self.block8 = conv_chain(s8, s8, s8, s4)
        self.dbfi4 = DeepFeatures(s4, s32, 8)
        self.block4 = conv_chain(s4, s4, s4, s1)
        self.dbfi2 = DeepFeatures(s1, s32, 16)
        self.head = nn.Sequential(*conv_chain(s1, s1, s1), nn.Conv2d(s1, CLASSES, 3, padding=1))

    def forward(self, e32: Tensor) -> tuple[Tensor, tuple[Tensor, ...], dict[str, Tensor]]:
        d16 = enlarge(self.block32(e32), 2)
        d8 = enlarge(self.block16(d16), 2)
        x, side2 = self.dbfi8(d8, e32)
        d4 = enlarge(self.block8(x), 2)
        x, side1 = self.dbfi4(d4, e32)
        d2 = enlarge(self.block4(x), 2)
        x, side0 = self.dbfi2(d2, e32)
        sides = {"side2": side2, "side1": side1, "side0": side0}
        return enlarge(self.head(x), 2), (d16, d8, d4, d2), sides


class P3MMattingDecoder(nn.Module):
    """Logits of the detail, of the image's size, from all maps and the semantic decoder's features."""

    def __init__(self, widths: Widths, upsample: str) -> None:
        super().__init__()
        s1, s4, s8, s16, s32 = widths
        self.block32 = conv_chain(s32, s32, s32, s16)
        self.tfi16 = ThreeFeatures(s16)
        self.block16 = conv_chain(s16, s16, s16, s8)
        self.tfi8, self.sbfi8 = ThreeFeatures(s8), ShallowFeatures(s8, s1, 8)
        self.block8 = conv_chain(s8, s8, s8, s4)
        self.tfi4, self.sbfi4 = ThreeFeatures(s4), ShallowFeatures(s4, s1, 4)
        self.block4 = conv_chain(s4, s4, s4, s1)
        self.tfi2, self.sbfi2 = ThreeFeatures(s1), ShallowFeatures(s1, s1, 2)
        self.block2 = conv_chain(s1, s1, s1)
        self.up32, self.up16, self.up8 = upsampler(upsample, s16), upsampler(upsample, s8), upsampler(upsample, s4)
        self.up4, self.up2 = upsampler(upsample, s1), upsampler(upsample, s1)
        self.head = nn.Conv2d(s1, 1, 3, padding=1)

    def forward(
        self, maps: tuple[Tensor, ...], indices: tuple[Tensor, ...] | None, semantic: tuple[Tensor, ...]
    ) -> Tensor:
        e1, e2, e4, e8, e16, e32 = maps
        id1, id2, id4, id8, id16 = indices or (None,) * 5
        d16, d8, d4, d2 = semantic
        x = self.up32(self.block32(e32), id16)
        x = self.up16(self.block16(self.tfi16(d16, x, e16)), id8)
        x = self.up8(self.block8(self.sbfi8(self.tfi8(d8, x, e8), e1)), id4)
        x = self.up4(self.block4(self.sbfi4(self.tfi4(d4, x, e4), e1)), id2)
        x = self.up2(self.block2(self.sbfi2(self.tfi2(d2, x, e2), e1)), id1)
        logits: Tensor = self.head(x)
        return logits


class ThreeFeatures(nn.Module):
    """TFI: joins the features of semantic decoder, matting decoder and backbone at one stride."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.reduce = nn.Conv2d(channels, half, 1, bias=False)
        self.join = _join(3 * half, channels)

    def forward(self, semantic: Tensor, detail: Tensor, encoder: Tensor) -> Tensor:
        joined: Tensor = self.join(torch.cat([self.reduce(x) for x in (semantic, detail, encoder)], 1))
        return joined


class ShallowFeatures(nn.Module):
    """SBFI: brings the finest map of the backbone, max-pooled, into the matting decoder.

    Args:
        channels: Channels of the decoder.
        finest: Channels of the finest map.
        stride: Stride of the decoder's features.
    """

    def __init__(self, channels: int, finest: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.reduce = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.reduce_finest = nn.Conv2d(finest, channels // 2, 1, bias=False)
        self.join = _join(2 * (channels // 2), channels)

    def forward(self, x: Tensor, finest: Tensor) -> Tensor:
        pooled = self.reduce_finest(F.max_pool2d(finest, 2, stride=self.stride))
        joined: Tensor = self.join(torch.cat([self.reduce(x), pooled], 1))
        return x + joined


class DeepFeatures(nn.Module):
    """DBFI: brings the coarsest map of the backbone, enlarged, into the semantic decoder; has a side output.

    Args:
        channels: Channels of the decoder.
        coarsest: Channels of the coarsest map.
        factor: Enlargement from stride 32 to the decoder's.
    """

    def __init__(self, channels: int, coarsest: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.reduce = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.reduce_coarsest = nn.Conv2d(coarsest, channels // 2, 1, bias=False)
        self.join = _join(2 * (channels // 2), channels)
        self.side = nn.Conv2d(channels, CLASSES, 3, padding=1, bias=False)

    def forward(self, x: Tensor, coarsest: Tensor) -> tuple[Tensor, Tensor]:
        deep = enlarge(self.reduce_coarsest(coarsest), self.factor)
        x = x + self.join(torch.cat([self.reduce(x), deep], 1))
        return x, enlarge(self.side(x), 32 // self.factor)


def _join(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
