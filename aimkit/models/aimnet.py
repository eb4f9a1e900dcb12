"""AimNet (Li, Zhang, Tao: Deep Automatic Natural Image Matting, IJCAI 2021) on any backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from aimkit.models.backbones.contract import Backbone, MattingOutput
from aimkit.models.base import MattingModel
from aimkit.models.blocks import (
    PyramidPooling,
    SpatialAttention,
    SqueezeExcite,
    conv_chain,
    enlarge,
    projection,
    upsampler,
)
from aimkit.models.fusion import Fusion, classes_of, fusion_of, undecided
from aimkit.models.widths import Width, Widths, choose_upsampling, decoder_widths


class AimNet(MattingModel):
    """A semantic decoder classifies background, unknown area and foreground; a matting decoder predicts the detail.

    With the backbone ``resnet34_mp`` it is the paper's network. With another backbone each map is first projected to
    the decoders' width. Without pooling indices, the matting decoder upsamples and adds the map of stride 2.

    Args:
        backbone: Module that keeps the backbone contract.
        fusion: ``argmax`` (the paper's) or ``soft`` (differentiable).
        representation: ``generalized`` (the paper's), ``trimap``, ``duomap`` or ``unimap``.
        se: Whether each block of the semantic decoder is followed by squeeze-and-excitation.
        spatial_attention: Whether an attention map of the semantic decoder weights the matting decoder's last features.
        upsample: Upsampling of the matting decoder: ``unpool`` (needs pooling indices), ``bilinear``, ``pixelshuffle``,
            or ``auto``: unpooling where the backbone has indices, else bilinear.
        width: Channels of the decoders at strides 1 and 4; strides 8, 16, 32 have twice, four and eight times as many.
            ``paper`` is 64, ``auto`` follows the backbone, see ``decoder_widths``.
        semantic_skips: Whether the semantic decoder also adds the maps of strides 16, 8 and 4, as a feature pyramid
            does (Lin et al., CVPR 2017). The paper's sees the map of stride 32 alone, which is coarse for small images.

    Raises:
        AimkitError: An option is unknown, or ``unpool`` has no indices that fit.
    """

    declarable: ClassVar[Mapping[str, Any]] = {
        "fusion": Literal["argmax", "soft"],
        # "usr" is the paper's abbreviation, which older weights hold.
        "representation": Literal["generalized", "trimap", "duomap", "unimap", "usr"],
        "se": bool,
        "spatial_attention": bool,
        "upsample": Literal["auto", "unpool", "bilinear", "pixelshuffle"],
        "width": Width,
        "semantic_skips": bool,
    }

    def __init__(
        self,
        backbone: Backbone,
        *,
        fusion: str = "argmax",
        representation: str = "generalized",
        se: bool = True,
        spatial_attention: bool = True,
        upsample: str = "auto",
        width: int | str = "auto",
        semantic_skips: bool = False,
    ) -> None:
        super().__init__(backbone)
        self.classes = classes_of(representation)
        self.fuse: Fusion = fusion_of(fusion)
        widths = decoder_widths(width, backbone.channels)
        upsample = choose_upsampling(upsample, widths, backbone)
        inner = (widths.s1, widths.s1, *widths[1:])
        self.projections = nn.ModuleList(projection(c, w) for c, w in zip(backbone.channels, inner, strict=True))
        self.semantic = SemanticDecoder(widths, len(self.classes), se=se, spatial_attention=spatial_attention)
        self.matting = MattingDecoder(widths, upsample)
        self.semantic_skips = semantic_skips

    def predict(self, image: Tensor) -> MattingOutput:
        maps, indices = self.backbone(image)
        maps = tuple(project(x) for project, x in zip(self.projections, maps, strict=True))
        skips = maps[2:5] if self.semantic_skips else None
        semantic_logits, attention = self.semantic(maps[-1], skips, attend=not self.semantic_only)
        if self.semantic_only:
            detail_logits = undecided(semantic_logits, self.classes)
        else:
            detail_logits = self.matting(maps, indices, attention)
        # In float32 under autocast too: bfloat16 sigmoids are often equal, which makes the argmax arbitrary.
        semantic_logits, detail_logits = semantic_logits.float(), detail_logits.float()
        detail = torch.sigmoid(detail_logits)
        alpha = self.fuse(semantic_logits, detail, self.classes)
        return MattingOutput(torch.sigmoid(semantic_logits), detail, alpha, semantic_logits, detail_logits)


class SemanticDecoder(nn.Module):
    """Class logits and an attention map, both of the image's size, from the coarsest map and optional finer ones."""

    def __init__(self, widths: Widths, classes: int, *, se: bool, spatial_attention: bool) -> None:
        super().__init__()
        s1, s4, s8, s16, s32 = widths
        self.psp = PyramidPooling(s32)
        self.guide16 = conv_chain(s32, s16)
        self.guide8 = conv_chain(s32, s8)
        self.guide4 = conv_chain(s32, s4)
        self.guide2 = conv_chain(s32, s1)
        self.block32 = conv_chain(2 * s32, s32, s32, s16)
        self.block16 = conv_chain(2 * s16, s16, s16, s8)
        self.block8 = conv_chain(2 * s8, s8, s8, s4)
        self.block4 = conv_chain(2 * s4, s4, s4, s1)
        self.block2 = conv_chain(2 * s1, s1, s1)
        excite = SqueezeExcite if se else nn.Identity
        self.se32, self.se16, self.se8 = excite(s16), excite(s8), excite(s4)
        self.se4, self.se2 = excite(s1), excite(s1)
        self.spatial_attention = SpatialAttention() if spatial_attention else None
        self.head = nn.Conv2d(s1, classes, 3, padding=1)

    def forward(
        self, e32: Tensor, skips: tuple[Tensor, ...] | None = None, *, attend: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        e4, e8, e16 = skips or (None,) * 3
        psp = self.psp(e32)
        # A factor per channel and bilinear upsampling may change places: a quarter of the memory is moved.
        x = _plus(enlarge(self.se32(self.block32(torch.cat([psp, e32], 1))), 2), e16)
        x = _plus(enlarge(self.se16(self.block16(torch.cat([enlarge(self.guide16(psp), 2), x], 1))), 2), e8)
        x = _plus(enlarge(self.se8(self.block8(torch.cat([enlarge(self.guide8(psp), 4), x], 1))), 2), e4)
        x = enlarge(self.se4(self.block4(torch.cat([enlarge(self.guide4(psp), 8), x], 1))), 2)
        x = self.block2(torch.cat([enlarge(self.guide2(psp), 16), x], 1))
        attention = self.spatial_attention(enlarge(x, 2)) if self.spatial_attention is not None and attend else None
        return self.head(enlarge(self.se2(x), 2)), attention


def _plus(x: Tensor, skip: Tensor | None) -> Tensor:
    return x if skip is None else x + skip


class MattingDecoder(nn.Module):
    """Logits of the detail, of the image's size, from all maps and the attention map."""

    def __init__(self, widths: Widths, upsample: str) -> None:
        super().__init__()
        s1, s4, s8, s16, s32 = widths
        self.unpools = upsample == "unpool"
        self.bridge = conv_chain(s32, s32, s32, s32, dilation=2)
        self.block32 = conv_chain(2 * s32, s32, s32, s16)
        self.block16 = conv_chain(2 * s16, s16, s16, s8)
        self.block8 = conv_chain(2 * s8, s8, s8, s4)
        self.block4 = conv_chain(2 * s4, s4, s4, s1)
        self.block1 = conv_chain(2 * s1, s1, s1)
        self.up32, self.up16, self.up8 = upsampler(upsample, s16), upsampler(upsample, s8), upsampler(upsample, s4)
        self.up4, self.up2 = upsampler(upsample, s1), upsampler(upsample, s1)
        self.head = nn.Conv2d(s1, 1, 3, padding=1)

    def forward(self, maps: tuple[Tensor, ...], indices: tuple[Tensor, ...] | None, attention: Tensor | None) -> Tensor:
        e1, e2, e4, e8, e16, e32 = maps
        id1, id2, id4, id8, id16 = indices or (None,) * 5
        x = self.up32(self.block32(torch.cat([self.bridge(e32), e32], 1)), id16)
        x = self.up16(self.block16(torch.cat([x, e16], 1)), id8)
        x = self.up8(self.block8(torch.cat([x, e8], 1)), id4)
        x = self.up4(self.block4(torch.cat([x, e4], 1)), id2)
        # Pooling indices locate edges; without them the map of stride 2 does.
        x = self.up2(x if self.unpools else x + e2, id1)
        x = self.block1(torch.cat([x, e1], 1))
        if attention is not None:
            # Not x + x * attention: at full size, one pass over memory costs as much as a convolution.
            x = x * (1 + attention)
        logits: Tensor = self.head(x)
        return logits
