"""Adapts timm architectures to the backbone contract: six maps, NCHW, for images of any multiple of 32."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Annotated, Any, ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import Backbone, Features
from aimkit.models.backbones.preprocessing import Preprocessing
from aimkit.models.backbones.pretrained import one_try
from aimkit.models.backbones.probe import build, channels_first, takes_channels
from aimkit.models.backbones.pyramid import FeaturePyramid, fit
from aimkit.models.backbones.timm_spec import TimmSpec

_Side = Annotated[int, Field(ge=16, le=2048)]
_Share = Annotated[float, Field(ge=0, le=1)]


class TimmBackbone(Backbone):
    """A timm architecture as a backbone.

    Images are scaled or padded to a size that the architecture takes, and its maps are resized to the grids of the
    image. Parameters that the maps do not depend on are frozen.

    Args:
        spec: Measured facts of the architecture.
        in_chans: Channels of the image.
        pretrained: Whether to load timm's weights of the architecture's tag, from timm's cache or the network.
        state_dict: Other weights to load instead, with timm's names.
        keywords: Further keywords of ``timm.create_model``, such as ``drop_path_rate``.

    Attributes:
        declarable: Types of the keywords of ``timm.create_model`` that weights may declare.
        trunk: timm's feature extractor.
        pyramid: Module that turns its maps into the six maps of the contract.
    """

    declarable: ClassVar[Mapping[str, Any]] = {
        "blocks": Annotated[int, Field(ge=1, le=64)],
        "img_size": _Side | Annotated[list[_Side], Field(min_length=2, max_length=2)],
        "patch_size": Annotated[int, Field(ge=4, le=64)],
        "window_size": Annotated[int, Field(ge=2, le=64)],
        "output_stride": Literal[8, 16, 32],
        "dynamic_img_size": bool,
        "strict_img_size": bool,
        **dict.fromkeys(("drop_rate", "drop_path_rate", "proj_drop_rate", "attn_drop_rate"), _Share),
    }

    def __init__(
        self,
        spec: TimmSpec,
        *,
        in_chans: int = 3,
        pretrained: bool = False,
        state_dict: Mapping[str, Tensor] | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        self.spec = spec
        # A few architectures only take three channels.
        taken = in_chans if in_chans == 3 or takes_channels(spec, in_chans) else 3
        self.trunk = _trunk(spec, taken, spec.keywords | keywords, pretrained, state_dict)
        self.colours = nn.Conv2d(in_chans, taken, 1) if taken != in_chans else nn.Identity()
        # The contract ends at stride 32: coarser maps are resized to its grid and added there.
        self.strides = tuple(min(stride, 32) for stride in spec.strides)
        self.pyramid = FeaturePyramid(self.strides, spec.channels, in_chans, flat=spec.kind == "flat")
        self.channels = self.pyramid.channels
        self.preprocessing = preprocessing_of(self.trunk).for_channels(in_chans)
        for name, parameter in self.trunk.named_parameters():
            if name.startswith(tuple(f"{prefix}." for prefix in spec.unused)) or name in spec.unused:
                parameter.requires_grad_(False)

    def forward(self, image: Tensor) -> Features:
        height, width = image.shape[-2:]
        size = self.spec.size
        covered, seen = size.scaled((height, width)), size.padded((height, width))
        x = self.colours(image)
        if covered != (height, width):
            # With antialiasing, or thin structures fall between the samples.
            x = F.interpolate(x, size=covered, mode="bilinear", align_corners=False, antialias=True)
        if seen != covered:
            x = F.pad(x, (0, seen[1] - covered[1], 0, seen[0] - covered[0]), mode="replicate")
        maps = channels_first(list(self.trunk(x)), self.spec.layout)
        grids = [(height // stride, width // stride) for stride in self.strides]
        maps = [fit(m, grid, seen, covered) for m, grid in zip(maps, grids, strict=True)]
        return Features(self.pyramid(maps, image))

    def drop_finest(self) -> None:
        """Drop the map of stride 1 where the architecture has none of its own."""
        self.pyramid.drop_finest()
        self.channels = self.pyramid.channels

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Turn on timm's activation checkpointing.

        Raises:
            AimkitError: The architecture does not support it.
        """
        candidates: list[Any] = [self.trunk, getattr(self.trunk, "model", None)]
        for module in candidates:
            if module is not None and hasattr(module, "set_grad_checkpointing"):
                try:
                    module.set_grad_checkpointing(enable)
                except AssertionError:
                    # timm raises this where it is not supported.
                    break
                return
        raise AimkitError("this architecture does not support activation checkpointing", f"backbone {self.spec.name}")


def preprocessing_of(trunk: nn.Module) -> Preprocessing:
    """Mean and std of the architecture's pretrained configuration."""
    config: Any = getattr(trunk, "pretrained_cfg", None) or {}
    default = Preprocessing()
    return Preprocessing(tuple(config.get("mean") or default.mean), tuple(config.get("std") or default.std))


def _trunk(
    spec: TimmSpec, in_chans: int, keywords: dict[str, Any], pretrained: bool, state_dict: Mapping[str, Tensor] | None
) -> nn.Module:
    if state_dict is not None:
        keywords = keywords | {"pretrained_cfg_overlay": {"state_dict": dict(state_dict)}}
    try:
        with one_try(spec.name) if pretrained and state_dict is None else nullcontext():
            trunk = build(spec.name, in_chans, keywords, pretrained=pretrained or state_dict is not None)
    except (TypeError, RuntimeError, OSError, AssertionError, KeyError, ValueError) as error:
        weights = pretrained or state_dict is not None
        first = str(error).strip().split("\n")[0][:200]
        what = "can't load the weights" if weights else "timm can't build this architecture"
        raise AimkitError(f"{what}: {first}", f"backbone {spec.name}", exit_code=1) from None
    if state_dict is not None:
        _check_loaded(trunk, state_dict, spec.name)
    return trunk


def _check_loaded(trunk: nn.Module, state_dict: Mapping[str, Tensor], name: str) -> None:
    """Raise an error for weights of another architecture: timm ignores keys that it does not know.

    timm also renames, joins and resamples some tensors, so this compares values, and half of them must be found.
    """
    known = {_fingerprint(tensor) for tensor in state_dict.values() if tensor.ndim > 1}
    wanted = [_fingerprint(tensor) for tensor in trunk.parameters() if tensor.ndim > 1]
    found = sum(print_ in known for print_ in wanted)
    if found < len(wanted) / 2:
        what = f"only {found} of {len(wanted)} weights of the architecture are in the file"
        raise AimkitError(what, f"backbone {name}", "are these the weights of another architecture?")


def _fingerprint(tensor: Tensor) -> tuple[int, float, float]:
    values = tensor.detach().float()
    return tensor.numel(), round(float(values.sum()), 3), round(float(values.abs().amax()), 5)
