"""The contract of a backbone, and the output of a network.

A backbone is an ``nn.Module`` that turns a normalised image into six feature maps, at strides 1, 2, 4, 8, 16 and 32:

```python
class Tiny(Backbone):
    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.channels = (8, 8, 16, 16, 32, 32)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1)
            for i, (a, b) in enumerate(zip((in_chans, *self.channels), self.channels))
        )

    def forward(self, image: Tensor) -> Features:
        maps = [image]
        for conv in self.convs:
            maps.append(conv(maps[-1]).relu())
        return Features(tuple(maps[1:]))

register_backbone("tiny")(Tiny)
model = create_model("aimnet", backbone="tiny")
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.backbones.preprocessing import Preprocessing

#: Strides of a backbone's maps, finest first.
STRIDES = (1, 2, 4, 8, 16, 32)


class Features(NamedTuple):
    """Output of a backbone for an image of (B, C, H, W), H and W multiples of its ``size_multiple``.

    Attributes:
        maps: One map for each of ``STRIDES``, finest first: float, (B, channels[i], H / stride, W / stride), NCHW.
        indices: None, or five index maps of the max-pooling from each stride to the next, finest first: the pooling
            from stride 1 to 2 has indices of (B, C, H / 2, W / 2). int64, positions in the flattened finer map, as
            ``max_pool2d(return_indices=True)`` returns for 2x2 or 3x3 windows of stride 2. The channels are those of
            the map that was pooled.
    """

    maps: tuple[Tensor, ...]
    indices: tuple[Tensor, ...] | None = None


class Backbone(nn.Module):
    """Base of all backbones; subclasses set ``channels`` and implement ``forward(image) -> Features``.

    Attributes:
        channels: Channels of the six maps, finest first; 0 for a map of stride 1 that ``drop_finest`` dropped.
        preprocessing: Normalisation of its input, with one mean and std for each input channel.
        has_indices: Whether it returns ``Features.indices``.
    """

    channels: tuple[int, ...] = ()
    preprocessing: Preprocessing = Preprocessing()
    has_indices: bool = False

    def drop_finest(self) -> None:
        """Drop the layers that only make the map of stride 1; called by networks that do not use that map.

        The map then has no channels, ``channels[0] == 0``. By default nothing is dropped.
        """


class MattingOutput(NamedTuple):
    """Output of every network, at the size of the image.

    Attributes:
        semantic: Class scores in [0, 1], float32, (B, K, H, W). K = 3: background, unknown, foreground.
        detail: Alpha matte inside the unknown area, in [0, 1], float32, (B, 1, H, W). For GFM's BT it is 1 - alpha.
        alpha: Fusion of the two, in [0, 1], float32, (B, 1, H, W). GFM's RIM alone may leave the range, as its last
            layer is linear; strategies clip it.
        semantic_logits: Semantic prediction before the sigmoid, float32, (B, K, H, W), or None.
        detail_logits: Detail before the sigmoid, float32, (B, 1, H, W), or None.
        extra: Further outputs for the loss (side outputs, other heads), by name. Read-only.
    """

    semantic: Tensor
    detail: Tensor
    alpha: Tensor
    semantic_logits: Tensor | None = None
    detail_logits: Tensor | None = None
    extra: Mapping[str, Tensor] = {}


def check_backbone(backbone: nn.Module, in_chans: int = 3, size: tuple[int, int] = (64, 96)) -> None:
    """Run a backbone once and check that its maps match its attributes.

    Args:
        backbone: Backbone on the CPU; its mode does not change.
        in_chans: Channels of the image.
        size: Height and width of the image, multiples of its ``size_multiple``.

    Raises:
        AimkitError: The backbone breaks the contract.
    """
    name = type(backbone).__name__
    check_attributes(backbone, in_chans)
    training = backbone.training
    try:
        with torch.no_grad():
            maps, indices = backbone.eval()(torch.zeros(1, in_chans, *size))
    finally:
        backbone.train(training)
    channels = tuple(backbone.channels)  # type: ignore[arg-type]
    wanted = [(1, c, size[0] // s, size[1] // s) for c, s in zip(channels, STRIDES, strict=True)]
    found = [tuple(m.shape) for m in maps]
    if found != wanted:
        raise AimkitError(f"its maps are {found}, expected {wanted}", f"backbone {name}")
    if (indices is not None) != bool(backbone.has_indices):
        raise AimkitError("has_indices does not match its output", f"backbone {name}")
    if indices is not None and [i.shape[2:] for i in indices] != [m.shape[2:] for m in maps[1:]]:
        raise AimkitError("its indices differ in size from the pooled maps", f"backbone {name}")


def check_attributes(backbone: nn.Module, in_chans: int = 3) -> None:
    """Check the attributes of a backbone.

    Raises:
        AimkitError: An attribute is missing or wrong.
    """
    where = f"backbone {type(backbone).__name__}"
    hint = "see aimkit/models/backbones/contract.py for an example"
    channels = getattr(backbone, "channels", ())
    if len(channels) != len(STRIDES):
        raise AimkitError(f"channels must list {len(STRIDES)} numbers, one for each stride of {STRIDES}", where, hint)
    preprocessing = getattr(backbone, "preprocessing", None)
    if not isinstance(preprocessing, Preprocessing):
        raise AimkitError("preprocessing must be a Preprocessing", where, hint)
    if len(preprocessing.mean) != in_chans or len(preprocessing.std) != in_chans:
        what = f"preprocessing has {len(preprocessing.mean)} means for {in_chans} input channels"
        raise AimkitError(what, where, "use preprocessing.for_channels(in_chans)")
    if preprocessing.size_multiple % STRIDES[-1]:
        raise AimkitError(f"size_multiple {preprocessing.size_multiple} is not a multiple of {STRIDES[-1]}", where)
