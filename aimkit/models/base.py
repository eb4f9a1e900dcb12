"""The base of all matting networks: images of any size, preprocessing, and defaults for inference."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aimkit.models.backbones.contract import Backbone, MattingOutput
from aimkit.models.backbones.preprocessing import Preprocessing, normalise
from aimkit.models.exported.traits import Scales
from aimkit.models.fusion import Fusion, soft
from aimkit.models.hub import HubModel


class MattingModel(nn.Module, HubModel):
    """Base of all networks; subclasses implement ``predict``.

    Args:
        backbone: Module that computes the feature maps; its ``preprocessing`` is the network's.

    Attributes:
        preprocessing: Normalisation of the image of ``forward``.
        classes: Names of the semantic channels: ``background``, ``unknown``, ``foreground``.
        fuse: Function that computes alpha from semantic logits and detail. None when alpha does not follow from these
            two; strategies that predict them at different input sizes then refuse the network.
        strategy: Default inference strategy.
        scales: Default input sizes, relative to the photo.
        declarable: Types, with bounds, of the options that weights may declare, by keyword. Keywords that are not
            listed may be declared with any short plain value, unless their name says that they read or fetch something.
        inference_defaults: Further default options of strategies, for these weights; they override ``scales``.
        semantic_only: Whether the network computes the classes alone, to train them; see the stage "semantic". AimNet
            knows this. Foreground against background, without the unknown class, is then the detail.
        created: Registered name and keywords of the network that ``create_model`` built; None for others.
    """

    classes: tuple[str, ...] = ("background", "unknown", "foreground")
    fuse: Fusion | None = None
    strategy: str = "hybrid"
    scales: Scales = Scales()
    declarable: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    inference_defaults: Mapping[str, Any] = MappingProxyType({})
    semantic_only: bool = False
    created: tuple[str, Mapping[str, Any]] | None = None

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.preprocessing: Preprocessing = backbone.preprocessing

    @property
    def fuses_softly(self) -> bool:
        """Whether classes are weighed by their probability; argmax fusion has no sharpness to set."""
        return self.fuse is soft

    def preprocess(self, image: Tensor) -> Tensor:
        """Normalise an RGB image in [0, 1], float, (B, C, H, W), for ``forward``."""
        return normalise(image, self.preprocessing)

    def scores(self, semantic_logits: Tensor) -> Tensor:
        """Class scores in [0, 1] of semantic logits, (B, K, H, W); the highest decides."""
        return torch.sigmoid(semantic_logits)

    def forward(self, image: Tensor) -> MattingOutput:
        """Predict the matte.

        Args:
            image: Normalised by ``preprocess``, float, (B, C, H, W), any H and W. An image whose sides are not
                multiples of ``preprocessing.size_multiple`` is padded at the bottom and right by mirroring it, and
                the outputs are cropped. A repeated border instead would look like streaks, which networks mark.

        Returns:
            Outputs of (H, W), float32.
        """
        height, width = image.shape[-2:]
        multiple = self.preprocessing.size_multiple
        bottom, right = -height % multiple, -width % multiple
        if not bottom and not right:
            return self.predict(image)
        # An image that is smaller than its margin can't be mirrored.
        mode = "reflect" if bottom < height and right < width else "replicate"
        output = self.predict(F.pad(image, (0, right, 0, bottom), mode=mode))
        return crop(output, height, width)

    def predict(self, image: Tensor) -> MattingOutput:
        """``forward`` for an image whose height and width are multiples of ``preprocessing.size_multiple``."""
        raise NotImplementedError


def crop(output: MattingOutput, height: int, width: int) -> MattingOutput:
    """The top left of every map."""
    maps = {name: value[..., :height, :width] for name, value in output._asdict().items() if isinstance(value, Tensor)}
    extra = {name: value[..., :height, :width] for name, value in output.extra.items()}
    return MattingOutput(**maps, extra=extra)
