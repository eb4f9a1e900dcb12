"""What a backbone must give, and what a network returns.

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
    """What a backbone returns for an image of (B, C, H, W), H and W multiples of its ``size_multiple``.

    Attributes:
        maps: One map a stride of ``STRIDES``, finest first: float, (B, channels[i], H / stride, W / stride), NCHW.
        indices: None, or five index maps of the max-pooling from each stride to the next, finest first: the pooling
            from stride 1 to 2 gives (B, C, H / 2, W / 2). int64, positions in the flattened finer map, as
            ``max_pool2d(return_indices=True)`` gives for 2x2 or 3x3 windows of stride 2. The channels are those of
            the map that was pooled.
    """

    maps: tuple[Tensor, ...]
    indices: tuple[Tensor, ...] | None = None


class Backbone(nn.Module):
    """Base of all backbones; subclasses set ``channels`` and implement ``forward(image) -> Features``.

    Attributes:
        channels: Channels of the six maps, finest first. The map of stride 1 may have none, see ``drop_finest``.
        preprocessing: How its input is normalised, with one mean and std for each input channel.
        has_indices: True when ``Features.indices`` is given.
    """

    channels: tuple[int, ...] = ()
    preprocessing: Preprocessing = Preprocessing()
    has_indices: bool = False

    def drop_finest(self) -> None:
        """Called by networks that do not look at the map of stride 1: what serves nothing else may go.

        Afterwards that map may have no channels, ``channels[0] == 0``. Here nothing is dropped.
        """


class MattingOutput(NamedTuple):
    """What every network returns, at the size of the image.

    Attributes:
        semantic: Class scores in [0, 1], float32, (B, K, H, W). K = 3: background, unknown, foreground.
        detail: Alpha matte inside the unknown area, in [0, 1], float32, (B, 1, H, W). With GFM's BT it is what to take
            off instead.
        alpha: The two fused, in [0, 1], float32, (B, 1, H, W). Only GFM's RIM may leave the range: its last layer is
            linear. Strategies clip.
        semantic_logits: Before the sigmoid, for losses.
        detail_logits: Before the sigmoid, for losses.
        extra: Whatever else a network wants its loss to see (side outputs, further heads), by name. Not to be changed.
    """

    semantic: Tensor
    detail: Tensor
    alpha: Tensor
    semantic_logits: Tensor | None = None
    detail_logits: Tensor | None = None
    extra: Mapping[str, Tensor] = {}


def check_backbone(backbone: nn.Module, in_chans: int = 3, size: tuple[int, int] = (64, 96)) -> None:
    """Run a backbone once and compare what it gives with what it says.

    Args:
        backbone: On the CPU; its mode is left as it was.
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
        raise AimkitError(f"its maps are {found}, they should be {wanted}", f"backbone {name}")
    if (indices is not None) != bool(backbone.has_indices):
        raise AimkitError("has_indices does not say whether it gives indices", f"backbone {name}")
    if indices is not None and [i.shape[2:] for i in indices] != [m.shape[2:] for m in maps[1:]]:
        raise AimkitError("its indices do not have the sizes of the pooled maps", f"backbone {name}")


def check_attributes(backbone: nn.Module, in_chans: int = 3) -> None:
    """Check what a backbone says about itself.

    Raises:
        AimkitError: An attribute is missing or wrong.
    """
    where = f"backbone {type(backbone).__name__}"
    hint = "see aimkit/models/backbones/contract.py for an example"
    channels = getattr(backbone, "channels", ())
    if len(channels) != len(STRIDES):
        raise AimkitError(f"channels must list {len(STRIDES)} numbers, one a stride of {STRIDES}", where, hint)
    preprocessing = getattr(backbone, "preprocessing", None)
    if not isinstance(preprocessing, Preprocessing):
        raise AimkitError("preprocessing must be a Preprocessing", where, hint)
    if len(preprocessing.mean) != in_chans or len(preprocessing.std) != in_chans:
        what = f"preprocessing has {len(preprocessing.mean)} means for {in_chans} input channels"
        raise AimkitError(what, where, "use preprocessing.for_channels(in_chans)")
    if preprocessing.size_multiple % STRIDES[-1]:
        raise AimkitError(f"size_multiple {preprocessing.size_multiple} is no multiple of {STRIDES[-1]}", where)
