"""The runtime ``torch``: any device, any precision, and networks that are still being trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.base import MattingModel
from aimkit.models.fusion import argmax_complement
from aimkit.predict.network import Maps, Network
from aimkit.types import Array, Float

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchNetwork(Network):
    """A matting model in evaluation mode, on one device and in one precision.

    Args:
        model: A ``MattingModel``, also a compiled one.
        flip: Predict the photo and its mirror image, and average logits and detail.
        dtype: Lower precision of mixed precision; None for float32 throughout.
        channels_last: Pass images in the memory format ``channels_last``.

    Attributes:
        model: The matting model.

    Raises:
        AimkitError: The object is not a matting model.
    """

    runtime = "torch"

    def __init__(
        self, model: Any, *, flip: bool = False, dtype: torch.dtype | None = None, channels_last: bool = False
    ) -> None:
        self.model: Any = check_model(model)
        self.flip, self.dtype, self.channels_last = flip, dtype, channels_last
        parameter = next(model.parameters(), None)
        self.device = torch.device("cpu") if parameter is None else parameter.device
        self.place = str(self.device)
        self.classes = tuple(model.classes)
        self.fuses = model.fuse is not None
        self.complements = model.fuse is argmax_complement

    def forward(self, images: Float) -> Maps:
        """Run the network on RGB in [0, 1], float32, (B, 3, h, w)."""
        x = self.model.preprocess(torch.from_numpy(images).to(self.device))
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.dtype or torch.bfloat16, enabled=self.dtype is not None):
            output = self.model(x)
        logits = output.semantic_logits
        if logits is None:
            logits = torch.logit(output.semantic.float(), eps=1e-6)
        return Maps(*(_array(values) for values in (logits, output.detail, output.alpha)))

    def fuse_maps(self, logits: Float, detail: Float) -> Float:
        """Fuse maps with the model's own function."""
        return _array(self.model.fuse(torch.from_numpy(logits), torch.from_numpy(detail), self.classes))

    def winners(self, logits: Float) -> Array:
        """The likeliest class by the model's own scores."""
        # Ten times faster than argmax() over the channels; of equal values both name the first.
        winners: Array = self.model.scores(torch.from_numpy(logits)).max(1).indices.numpy()
        return winners

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Switch to evaluation mode without gradients; restore the mode of every module afterwards."""
        with evaluating(self.model):
            yield


def build(
    model: MattingModel,
    *,
    device: str | torch.device = "auto",
    precision: str = "auto",
    tta: bool = False,
    channels_last: bool = False,
    compile: bool = False,
) -> TorchNetwork:
    """Move a matting model to its device and prepare it; arguments and errors as for ``aimkit.Predictor``."""
    check_model(model)
    place = choose_device(device)
    dtype = choose_precision(precision, place)
    model = model.to(place).eval()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = TorchNetwork(model, flip=tta, dtype=dtype, channels_last=channels_last)
    if compile:
        # One size at a time: with symbolic sizes, PyTorch 2.15 fails on the padding.
        network.model = torch.compile(model, dynamic=False)
    return network


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


def _array(values: Tensor) -> Float:
    array: Float = np.asarray(values.float().cpu().numpy())
    return array
