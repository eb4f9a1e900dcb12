"""A network as strategies use it: evaluation mode, one device, one precision, and flipped once more on wish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.fusion import soft
from aimkit.types import UInt8

#: Grey levels of the semantic classes in label images.
LEVELS = {"background": 0, "unknown": 128, "foreground": 255}

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Maps(NamedTuple):
    """What one pass gives, at its own size.

    Attributes:
        logits: Of the semantic classes, float32, (B, K, h, w).
        detail: Alpha inside the unknown area, float32 in [0, 1], (B, 1, h, w).
        alpha: Fused by the network, float32 in [0, 1], (B, 1, h, w).
    """

    logits: Tensor
    detail: Tensor
    alpha: Tensor


class Network:
    """A matting network, ready for passes.

    Args:
        model: A ``MattingModel`` or a module with the same ``forward``, ``preprocess``, ``classes`` and ``fuse``.
        flip: Every pass sees the photo and its mirror image; logits and details are averaged.
        dtype: Of mixed precision; None is plain float32.
        channels_last: Memory format of the images.

    Raises:
        AimkitError: The module is no matting network.
    """

    def __init__(
        self, model: Any, *, flip: bool = False, dtype: torch.dtype | None = None, channels_last: bool = False
    ) -> None:
        if not isinstance(model, nn.Module) or not callable(getattr(model, "preprocess", None)):
            hint = "give a module of aimkit.create_model, or one with its forward, preprocess, classes and fuse"
            raise AimkitError(f"a {type(model).__name__} is no matting network", "model", hint)
        self.model: Any = model
        self.flip, self.dtype, self.channels_last = flip, dtype, channels_last
        parameter = next(model.parameters(), None)
        self.device = torch.device("cpu") if parameter is None else parameter.device
        self.classes: tuple[str, ...] = tuple(getattr(model, "classes", LEVELS))
        levels = [LEVELS[name] for name in self.classes]
        self._levels = torch.tensor(levels, dtype=torch.uint8, device=self.device)

    def __call__(self, images: Tensor) -> Maps:
        """One pass over photos.

        Args:
            images: RGB, float32 in [0, 255], (B, 3, h, w), any size.
        """
        images = (images.to(self.device) / 255).clamp_(0, 1)
        maps = self._pass(images)
        if not self.flip:
            return maps
        mirrored = self._pass(images.flip(-1))
        logits, detail, alpha = ((a + b.flip(-1)) / 2 for a, b in zip(maps, mirrored, strict=True))
        # Where the two disagree, one decision is better than half of each.
        return Maps(logits, detail, self.fuse(logits, detail) if self.fuses else alpha)

    @property
    def fuses(self) -> bool:
        """Whether alpha follows from semantic classes and detail alone; strategies of two passes need that."""
        return callable(getattr(self.model, "fuse", None))

    def fuse(self, logits: Tensor, detail: Tensor, sharpness: float = 1.0) -> Tensor:
        """Alpha by the network's own rule, float32 in [0, 1], (B, 1, h, w); both maps are of one size.

        Args:
            sharpness: Factor of the logits, for soft fusion. The expected alpha errs least by squares; the larger the
                factor, the more the likeliest class decides, which errs least by absolute differences.

        Raises:
            AimkitError: The network has no such rule.
        """
        if not self.fuses:
            what = f"the alpha of {type(self.model).__name__} does not follow from two passes"
            raise AimkitError(what, "strategy", "use 'resize' or 'whole'")
        alpha: Tensor = self.model.fuse(logits * sharpness, detail.to(logits.device), self.classes)
        return alpha

    def labels(self, logits: Tensor) -> Tensor:
        """The likeliest class as a grey level, uint8 {0, 128, 255}, (B, h, w); of equal scores the first wins."""
        scores = getattr(self.model, "scores", torch.sigmoid)
        return self._levels.to(logits.device)[scores(logits).max(1).indices]

    def _pass(self, images: Tensor) -> Maps:
        x = self.model.preprocess(images)
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.dtype or torch.bfloat16, enabled=self.dtype is not None):
            output = self.model(x)
        logits = output.semantic_logits
        if logits is None:
            logits = torch.logit(output.semantic.float(), eps=1e-6)
        return Maps(logits.float(), output.detail.float(), output.alpha.float())


def fuses_softly(model: Any) -> bool:
    """Whether a network weighs its classes; one that lets the likeliest decide has no doubt to be sharpened."""
    return getattr(model, "fuse", None) is soft


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients; afterwards every module has the mode that it had."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def planes_of(photos: UInt8) -> Tensor:
    """Photos, uint8 (B, H, W, 3), as planes, uint8 (B, 3, H, W); copied only if read-only."""
    return torch.from_numpy(np.require(photos, requirements=["C", "W"])).permute(0, 3, 1, 2)


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """``auto`` takes CUDA, else MPS, else the CPU.

    Raises:
        AimkitError: No such device here.
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
    """The type of mixed precision; ``auto`` is bfloat16 (else float16) on CUDA and float32 elsewhere.

    Raises:
        AimkitError: No such precision.
    """
    if name == "auto":
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if name not in PRECISIONS:
        raise AimkitError(f"unknown precision '{name}'", "precision", "use auto, fp32, bf16 or fp16")
    return PRECISIONS[name]
