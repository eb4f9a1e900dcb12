"""GFM (Li et al.: Bridging Composite and Real: Towards End-to-end Deep Image Matting, IJCV 2021) on any backbone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import STRIDES, Backbone, MattingOutput
from aimkit.models.base import MattingModel
from aimkit.models.blocks import PyramidPooling, SqueezeExcite, conv_chain, enlarge, projection
from aimkit.models.exported.traits import Scales
from aimkit.models.fusion import ROSTAS, Rosta
from aimkit.models.widths import Width, decoder_widths
from aimkit.registry import did_you_mean

#: Up to this width at stride 32, all convolutions of a decoder block but the last keep the width.
_PLAIN_WIDTH = 512


class GFM(MattingModel):
    """A glance decoder classifies background, transition and foreground; a focus decoder predicts the transition.

    On ``resnet34``, ``resnet34_2b``, ``densenet121`` and ``resnet101`` it is the paper's network. Its input is the
    image in levels, 0..255, not normalised.

    Args:
        backbone: Module that keeps the backbone contract.
        rosta: Representation of semantic and transition areas: ``TT`` (background, unknown, foreground), ``FT``
            (foreground or not; the focus is added), ``BT`` (background or not; the focus is subtracted), or ``RIM``:
            all three on one backbone, their alphas joined by a small network.
        width: Channels of the decoders. ``backbone``: those of the backbone at each stride. ``auto`` follows the
            backbone within the widths of AimNet, see ``decoder_widths``; a number is their width at the finest stride.
        finest: Stride of the finest map that the decoders use, 2 or 1.

    Raises:
        AimkitError: An option is unknown.
    """

    declarable: ClassVar[Mapping[str, Any]] = {
        "rosta": Literal["TT", "FT", "BT", "RIM"],
        "width": Width | Literal["backbone"],
        "finest": Literal[1, 2],
    }

    def __init__(self, backbone: Backbone, *, rosta: str = "TT", width: int | str = "auto", finest: int = 2) -> None:
        super().__init__(backbone)
        if rosta not in (*ROSTAS, "RIM"):
            raise AimkitError(f"unknown RoSTa '{rosta}'", "rosta", did_you_mean(rosta, (*ROSTAS, "RIM")))
        if finest not in (1, 2):
            raise AimkitError(f"unknown finest stride {finest}", "finest", "use 2 or 1")
        if finest == 2 and isinstance(backbone, Backbone):
            backbone.drop_finest()
        zeros = (0.0,) * len(backbone.preprocessing.mean)
        ones = (1.0,) * len(zeros)
        self.preprocessing = replace(backbone.preprocessing, mean=zeros, std=ones, value_range=255.0)
        self.rosta = rosta
        # By the names of the heads.
        self.parts = (
            {name.lower(): part for name, part in ROSTAS.items()} if rosta == "RIM" else {"only": ROSTAS[rosta]}
        )
        first = next(iter(self.parts.values()))
        self.classes = first.classes
        # The alpha of RIM does not follow from one semantic and one detail map.
        self.fuse = None if rosta == "RIM" else first.fuse
        self.strategy = "resize" if rosta == "RIM" else "hybrid"
        self.scales = Scales(semantic=1 / 3, detail=1 / 2, resize=1 / 3 if rosta == "RIM" else 1 / 2)
        skips = {s: c for s, c in zip(STRIDES, backbone.channels, strict=True) if s >= finest}
        widths = _widths(width, backbone.channels, finest)
        self.projection = projection(skips[32], widths[32])
        self.glance = Glance(widths, {name: len(part.classes) for name, part in self.parts.items()})
        self.focus = Focus(widths, skips | {32: widths[32]}, self.parts)
        self.rim = Rim(len(self.parts)) if rosta == "RIM" else None

    def predict(self, image: Tensor) -> MattingOutput:
        maps = dict(zip(STRIDES, self.backbone(image).maps, strict=True))
        maps[32] = self.projection(maps[32])
        glances, focuses = self.glance(maps[32]), self.focus(maps)
        outputs = {name: _output(part, glances[name], focuses[name]) for name, part in self.parts.items()}
        if self.rim is None:
            return outputs["only"]
        alpha = self.rim(torch.cat([output.alpha for output in outputs.values()], 1)).float()
        extra: dict[str, Tensor] = {}
        for name, output in outputs.items():
            named = output._asdict()
            extra |= {f"{key}_{name}": named[key] for key in ("semantic", "detail", "alpha", "semantic_logits")}
        return outputs["tt"]._replace(alpha=alpha, extra=extra)


class Glance(nn.Module):
    """Class logits of every head, of the image's size, from the coarsest map.

    Args:
        widths: Channels at each stride, finest first.
        heads: Number of classes of each head, by name; the heads share all but the last block.
    """

    def __init__(self, widths: Mapping[int, int], heads: Mapping[str, int]) -> None:
        super().__init__()
        self.psp = PyramidPooling(widths[32], align_corners=True)
        self.guides = nn.ModuleDict({str(s): conv_chain(widths[32], w) for s, w in widths.items() if s < 32})
        self.blocks = nn.ModuleDict({str(s): _block(widths, s, 2 * widths[s]) for s in _block_strides(widths)})
        self.heads = nn.ModuleDict({name: _head(widths, 2 * widths[min(widths)], n) for name, n in heads.items()})

    def forward(self, e32: Tensor) -> dict[str, Tensor]:
        psp = self.psp(e32)
        x = torch.cat([psp, e32], 1)
        for stride, block in self.blocks.items():
            x = block(x)
            if stride != "1":
                finer = int(stride) // 2
                x = torch.cat([enlarge(self.guides[str(finer)](psp), 32 // finer), enlarge(x, 2)], 1)
        return _run_heads(self.heads, x, "1" in self.blocks)


class Focus(nn.Module):
    """Detail logits of every head, of the image's size, from all maps.

    Args:
        widths: Channels at each stride, finest first.
        skips: Channels of the backbone's maps, by stride.
        heads: Names of the heads; the heads share all but the last block.
    """

    def __init__(self, widths: Mapping[int, int], skips: Mapping[int, int], heads: Iterable[str]) -> None:
        super().__init__()
        finest, joined = min(widths), {s: widths[s] + skips[s] for s in widths}
        self.bridge = conv_chain(*[widths[32]] * 4, dilation=2)
        self.blocks = nn.ModuleDict({str(s): _block(widths, s, joined[s]) for s in _block_strides(widths)})
        self.heads = nn.ModuleDict({name: _head(widths, joined[finest], 1) for name in heads})

    def forward(self, maps: Mapping[int, Tensor]) -> dict[str, Tensor]:
        x = torch.cat([self.bridge(maps[32]), maps[32]], 1)
        for stride, block in self.blocks.items():
            x = block(x)
            if stride != "1":
                x = torch.cat([enlarge(x, 2), maps[int(stride) // 2]], 1)
        return _run_heads(self.heads, x, "1" in self.blocks)


class Rim(nn.Sequential):
    """Joins several alphas, (B, N, H, W), into one, (B, 1, H, W); its last layer is linear."""

    def __init__(self, count: int) -> None:
        super().__init__(nn.Conv2d(count, 16, 1), SqueezeExcite(16, reduction=4), nn.Conv2d(16, 1, 1))


def _output(part: Rosta, glance: Tensor, focus: Tensor) -> MattingOutput:
    """The output of a pair of heads."""
    # In float32 under autocast too: bfloat16 sigmoids are often equal, which makes the argmax arbitrary.
    glance, focus = glance.float(), focus.float()
    detail = torch.sigmoid(focus)
    return MattingOutput(torch.sigmoid(glance), detail, part.fuse(glance, detail, part.classes), glance, focus)


def _widths(width: int | str, channels: tuple[int, ...], finest: int) -> dict[int, int]:
    """Channels of the decoders at each stride."""
    if width == "backbone":
        return {s: c for s, c in zip(STRIDES, channels, strict=True) if s >= finest}
    w = decoder_widths(width, channels)
    return {s: c for s, c in zip(STRIDES, (w.s1, *w), strict=True) if s >= finest}


def _block_strides(widths: Mapping[int, int]) -> list[int]:
    """Strides of the blocks, coarsest first; at a finest stride of 2 the heads take the place of the block."""
    return [s for s in sorted(widths, reverse=True) if s != 2 or 1 in widths]


def _block(widths: Mapping[int, int], stride: int, inputs: int) -> nn.Sequential:
    """Three convolutions at a stride, to the width of the next finer one; very wide ones narrow in the middle."""
    width = widths[stride]
    middle = width // 2 if widths[32] > _PLAIN_WIDTH else width
    return conv_chain(inputs, width, middle, widths[max(stride // 2, 1)])


def _head(widths: Mapping[int, int], inputs: int, outputs: int) -> nn.Sequential:
    """The last block: three convolutions from stride 2, one convolution from stride 1."""
    if min(widths) == 1:
        return nn.Sequential(nn.Conv2d(widths[1], outputs, 3, padding=1))
    return nn.Sequential(*conv_chain(inputs, widths[2], widths[2]), nn.Conv2d(widths[2], outputs, 3, padding=1))


def _run_heads(heads: nn.ModuleDict, x: Tensor, full_size: bool) -> dict[str, Tensor]:
    return {name: head(x) if full_size else enlarge(head(x), 2) for name, head in heads.items()}
