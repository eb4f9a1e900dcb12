"""A network as strategies use it: evaluation mode, one device, one precision, optionally averaged over a flip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.base import MattingModel
from aimkit.models.fusion import soft
from aimkit.types import UInt8

#: Grey levels of the semantic classes in label images.
LEVELS = {"background": 0, "unknown": 128, "foreground": 255}

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Maps(NamedTuple):
    """The outputs of a network, at the size of its input.

    Attributes:
        logits: Logits of the semantic classes, float32, (B, K, h, w).
        detail: Alpha inside the unknown area, float32 in [0, 1], (B, 1, h, w).
        alpha: Alpha as fused by the network, float32 in [0, 1], (B, 1, h, w).
    """

    logits: Tensor
    detail: Tensor
    alpha: Tensor


class Network:
    """A matting model, ready to predict photos.

    Args:
        model: A ``MattingModel``, also a compiled one.
        flip: Predict the photo and its mirror image, and average logits and detail.
        dtype: Lower precision of mixed precision; None for float32 throughout.
        channels_last: Pass images in the memory format ``channels_last``.

    Raises:
        AimkitError: The object is not a matting model.
    """

    def __init__(
        self, model: Any, *, flip: bool = False, dtype: torch.dtype | None = None, channels_last: bool = False
    ) -> None:
        self.model: Any = check_model(model)
        self.flip, self.dtype, self.channels_last = flip, dtype, channels_last
        parameter = next(model.parameters(), None)
        self.device = torch.device("cpu") if parameter is None else parameter.device
        self.classes: tuple[str, ...] = tuple(model.classes)
        levels = [LEVELS[name] for name in self.classes]
        self._levels = torch.tensor(levels, dtype=torch.uint8, device=self.device)

    def __call__(self, images: Tensor) -> Maps:
        """Run the network on photos.

        Args:
            images: RGB, float32 in [0, 255], (B, 3, h, w), any size.

        Raises:
            AimkitError: The network predicted NaN or infinite values.
        """
        images = (images.to(self.device) / 255).clamp_(0, 1)
        maps = self._forward(images)
        if not self.flip:
            return maps
        mirrored = self._forward(images.flip(-1))
        logits, detail, alpha = ((a + b.flip(-1)) / 2 for a, b in zip(maps, mirrored, strict=True))
        # Where the two disagree, one decision is better than half of each.
        return Maps(logits, detail, self.fuse(logits, detail) if self.fuses else alpha)

    @property
    def fuses(self) -> bool:
        """Whether alpha follows from semantic classes and detail alone, so that they may have different input sizes."""
        return self.model.fuse is not None

    def fuse(self, logits: Tensor, detail: Tensor, sharpness: float = 1.0) -> Tensor:
        """Fuse maps of one size into alpha, float32 in [0, 1], (B, 1, h, w).

        Args:
            logits: Logits of the semantic classes, float32, (B, K, h, w).
            detail: Alpha inside the unknown area, float32 in [0, 1], (B, 1, h, w).
            sharpness: Factor of the logits, see :class:`aimkit.predict.strategy.Strategy`.

        Raises:
            AimkitError: The network's alpha does not follow from these two.
        """
        if not self.fuses:
            what = f"the alpha of {type(self.model).__name__} does not follow from semantic classes and detail"
            raise AimkitError(what, "strategy", "use 'resize' or 'whole'")
        alpha: Tensor = self.model.fuse(logits * sharpness, detail.to(logits.device), self.classes)
        return alpha

    def labels(self, logits: Tensor) -> Tensor:
        """The argmax of the class scores as grey levels, uint8 {0, 128, 255}, (B, h, w); the first class wins ties."""
        return self._levels.to(logits.device)[self.model.scores(logits).max(1).indices]

    def _forward(self, images: Tensor) -> Maps:
        x = self.model.preprocess(images)
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.dtype or torch.bfloat16, enabled=self.dtype is not None):
            output = self.model(x)
        logits = output.semantic_logits
        if logits is None:
            logits = torch.logit(output.semantic.float(), eps=1e-6)
        maps = Maps(logits.float(), output.detail.float(), output.alpha.float())
        check_finite(maps)
        return maps


def check_finite(maps: Maps) -> None:
    """Check the outputs of a network. The likeliest class of NaN is the first: an empty matte, without an error.

    Raises:
        AimkitError: A map has a NaN or infinite value.
    """
    for name, values in maps._asdict().items():
        if not torch.isfinite(values).all():
            what = f"the network predicted NaN or infinite {'semantic ' if name == 'logits' else ''}{name}"
            hint = "try --precision fp32; if that fails too, the weights are damaged"
            raise AimkitError(what, "network", hint, exit_code=1)


def check_model(model: Any) -> MattingModel:
    """Check that an object is a matting model, and return it.

    Raises:
        AimkitError: It is something else.
    """
    # A compiled module holds the one that it was made from.
    if not isinstance(getattr(model, "_orig_mod", model), MattingModel):
        hint = "build one with aimkit.create_model, or subclass aimkit.models.base.MattingModel"
        raise AimkitError(f"{type(model).__name__} is not a matting model", "model", hint)
    return model  # type: ignore[no-any-return]


def fuses_softly(model: MattingModel) -> bool:
    """Whether a network weighs its classes by their probability; argmax fusion has no sharpness to set."""
    return model.fuse is soft


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch to evaluation mode without gradients; restore the mode of every module afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def planes_of(photos: UInt8) -> Tensor:
    """Convert photos, uint8 (B, H, W, 3), to planes, uint8 (B, 3, H, W); copies only read-only arrays."""
    return torch.from_numpy(np.require(photos, requirements=["C", "W"])).permute(0, 3, 1, 2)


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Choose a device by name; ``auto`` takes CUDA, else MPS, else the CPU.

    Raises:
        AimkitError: This machine does not have the device.
    """
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0][:160]
        raise AimkitError(f"can't use the device '{name}': {reason}", "device", "use auto, cpu, cuda or mps") from None
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype | None:
    """Choose the lower precision of mixed precision, or None for float32.

    ``auto`` takes bfloat16 (else float16) on CUDA and float32 elsewhere.

    Raises:
        AimkitError: The precision is unknown.
    """
    if name == "auto":
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if name not in PRECISIONS:
        raise AimkitError(f"unknown precision '{name}'", "precision", "use auto, fp32, bf16 or fp16")
    return PRECISIONS[name]
