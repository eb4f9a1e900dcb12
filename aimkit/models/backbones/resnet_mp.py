"""AimNet's backbone: a ResNet-34 whose convolutions have stride 1 and which downsamples by max-pooling."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from aimkit.models.backbones.contract import Backbone, Features
from aimkit.models.backbones.preprocessing import Preprocessing


class ResNet34MP(Backbone):
    """Max-pooling ResNet-34 (Li et al., IJCAI 2021); it returns the pooling indices for unpooling decoders.

    | stride | map |
    |---|---|
    | 1 | e0: 7x7 convolution, batch norm, ReLU |
    | 2 | e0, pooled |
    | 4 | e1: pooled again, then layer1 |
    | 8, 16, 32 | e2, e3, e4: pooled, then layer2, layer3, layer4 |

    Args:
        in_chans: Channels of the image.
    """

    has_indices = True

    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.channels = (64, 64, 64, 128, 256, 512)
        self.preprocessing = Preprocessing().for_channels(in_chans)
        self.conv1 = nn.Conv2d(in_chans, 64, 7, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _layer(64, 64, 3)
        self.layer2 = _layer(64, 128, 4)
        self.layer3 = _layer(128, 256, 6)
        self.layer4 = _layer(256, 512, 3)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Features:
        e0 = F.relu(self.bn1(self.conv1(image)))
        e0_pooled, id0 = _pool(e0)
        x, id1 = _pool(e0_pooled)
        e1 = self.layer1(x)
        x, id2 = _pool(e1)
        e2 = self.layer2(x)
        x, id3 = _pool(e2)
        e3 = self.layer3(x)
        x, id4 = _pool(e3)
        e4 = self.layer4(x)
        return Features((e0, e0_pooled, e1, e2, e3, e4), (id0, id1, id2, id3, id4))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, which is a 1x1 convolution where the width changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.downsample(x))


def _layer(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inputs, outputs), *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))


def _pool(x: Tensor) -> tuple[Tensor, Tensor]:
    pooled, indices = F.max_pool2d(x, 3, stride=2, padding=1, return_indices=True)
    return pooled, indices
