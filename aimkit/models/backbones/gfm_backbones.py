"""The backbones that GFM modifies (Li et al., IJCV 2021); its others are timm's ``resnet34`` and ``resnet101``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import timm
import torch.nn.functional as F
from torch import Tensor, nn

from aimkit.models.backbones.contract import Backbone, Features
from aimkit.models.backbones.preprocessing import Preprocessing
from aimkit.models.backbones.pretrained import one_try
from aimkit.models.backbones.pyramid import FeaturePyramid
from aimkit.models.backbones.resnet_mp import BasicBlock
from aimkit.models.blocks import conv_chain


class ResNet34TwoBlocks(Backbone):
    """ResNet-34 at full resolution: its stem is a 3x3 convolution, and it has two more stages.

    | stride | map |
    |---|---|
    | 1 | 3x3 convolution, then layer1 |
    | 2, 4, 8 | layer2, layer3, layer4 |
    | 16, 32 | 2x2 max-pooling, then three blocks of 512 channels |

    Args:
        in_chans: Channels of the image.
        pretrained: Whether to fetch timm's weights of ``resnet34`` for its four layers.
    """

    def __init__(self, in_chans: int = 3, pretrained: bool = False) -> None:
        super().__init__()
        self.channels = (64, 128, 256, 512, 512, 512)
        self.preprocessing = Preprocessing().for_channels(in_chans)
        with one_try("resnet34") if pretrained else nullcontext():
            trunk: Any = timm.create_model("resnet34", pretrained=pretrained)
        self.stem = conv_chain(in_chans, 64)
        self.layer1, self.layer2, self.layer3, self.layer4 = trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4
        self.layer5, self.layer6 = (nn.Sequential(*(BasicBlock(512, 512) for _ in range(3))) for _ in range(2))

    def forward(self, image: Tensor) -> Features:
        e1 = self.layer1(self.stem(image))
        e2 = self.layer2(e1)
        e4 = self.layer3(e2)
        e8 = self.layer4(e4)
        e16 = self.layer5(F.max_pool2d(e8, 2))
        e32 = self.layer6(F.max_pool2d(e16, 2))
        return Features((e1, e2, e4, e8, e16, e32))


class DenseNet121(Backbone):
    """DenseNet-121 without its first pooling; the last stage is reduced to 512 channels and pooled.

    | stride | map |
    |---|---|
    | 2 | first convolution |
    | 4, 8, 16 | dense block and transition 1, 2, 3 |
    | 32 | dense block 4, 3x3 convolution, 2x2 max-pooling |

    Args:
        in_chans: Channels of the image.
        pretrained: Whether to fetch timm's weights of ``densenet121``.
    """

    def __init__(self, in_chans: int = 3, pretrained: bool = False) -> None:
        super().__init__()
        self.preprocessing = Preprocessing().for_channels(in_chans)
        with one_try("densenet121") if pretrained else nullcontext():
            trunk: Any = timm.create_model("densenet121", pretrained=pretrained, in_chans=in_chans)
        for name in (
            "conv0",
            "norm0",
            *(f"denseblock{i}" for i in (1, 2, 3, 4)),
            *(f"transition{i}" for i in (1, 2, 3)),
        ):
            self.add_module(name, getattr(trunk.features, name))
        self.last = conv_chain(1024, 512)
        self.pyramid = FeaturePyramid((2, 4, 8, 16, 32), (64, 128, 256, 512, 512), in_chans)
        self.channels = self.pyramid.channels

    def drop_finest(self) -> None:
        """Drop the map of stride 1."""
        self.pyramid.drop_finest()
        self.channels = self.pyramid.channels

    def forward(self, image: Tensor) -> Features:
        part: Mapping[str, nn.Module] = dict(self.named_children())
        maps = [part["norm0"](part["conv0"](image))]
        for i in (1, 2, 3):
            maps.append(part[f"transition{i}"](part[f"denseblock{i}"](maps[-1])))
        maps.append(F.max_pool2d(self.last(part["denseblock4"](maps[-1])), 2))
        return Features(self.pyramid(maps, image))
