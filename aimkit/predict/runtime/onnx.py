"""The runtime ``onnx``: exported networks in ONNX Runtime, which starts in a fraction of a second."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.models.exported.traits import KEY, NetworkTraits
from aimkit.predict.network import LEVELS, Maps, Network
from aimkit.types import Array, Float

#: Outputs that the graph must have.
OUTPUTS = ("logits", "detail", "alpha")

#: Execution providers by device, in the order in which ``auto`` tries them.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


class OnnxNetwork(Network):
    """An exported network.

    Args:
        path: File that ``aimkit export`` or ``aimkit zoo add`` wrote.
        device: ``auto`` (the first of CUDA, DirectML and CoreML whose provider is installed, else the CPU), ``cpu``,
            ``cuda``, ``cuda:1``, ``directml`` or ``coreml``.
        flip: Predict the photo and its mirror image, and average logits and detail.
        inference_defaults: Default options of strategies for these weights.
        parallel: Calls at once, from several threads, that it is prepared for on the CPU; they share the cores.

    Attributes:
        traits: What the file says of the network.
        inference_defaults: As for the class.

    Raises:
        AimkitError: ONNX Runtime or the device's provider is missing, or the file is not an exported network.
    """

    runtime = "onnx"

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        flip: bool = False,
        inference_defaults: Mapping[str, Any] = MappingProxyType({}),
        parallel: int = 1,
    ) -> None:
        require()
        import onnxruntime

        providers = choose_providers(str(device), onnxruntime.get_available_providers())
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # The arena keeps the memory of the largest run of each thread, and saves 3 % of the time.
        options.enable_cpu_mem_arena = False
        # Threads that wait must not burn the time of those that work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if parallel > 1:
            options.intra_op_num_threads = max(1, cores() // parallel)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors share no base class.
            reason = str(error).strip().split("\n")[0][:200]
            raise AimkitError(f"ONNX Runtime can't load the file: {reason}", str(path), exit_code=1) from None
        traits = NetworkTraits.from_json(self._session.get_modelmeta().custom_metadata_map.get(KEY, ""), str(path))
        missing = sorted({*OUTPUTS} - {value.name for value in self._session.get_outputs()})
        if missing:
            raise AimkitError(f"the ONNX file lacks the output '{missing[0]}'", str(path), "export the network anew")
        self.traits, self.flip, self.inference_defaults = traits, flip, inference_defaults
        self.classes, self.fuses = traits.classes, bool(traits.fusion)
        self.complements = traits.fusion == "argmax_complement"
        self.strategy, self.scales = traits.strategy, traits.scales
        self.fuses_softly = traits.fusion == "soft"
        names = {provider: name for name, provider in PROVIDERS.items()}
        self.parallel = parallel
        self.place = names.get(self._session.get_providers()[0], "cpu")

    def forward(self, images: Float) -> Maps:
        """Run the network on RGB in [0, 1], float32, (B, 3, h, w)."""
        preprocessing = self.traits.preprocessing
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (preprocessing.mean, preprocessing.std))
        x = (images * np.float32(preprocessing.value_range) - mean) / std
        height, width = x.shape[-2:]
        multiple = preprocessing.size_multiple
        bottom, right = -height % multiple, -width % multiple
        if bottom or right:
            # As the network pads its input.
            margins = [(0, 0), (0, 0), (0, bottom), (0, right)]
            x = np.pad(x, margins, mode="reflect" if bottom < height and right < width else "edge")
        try:
            maps = self._session.run(list(OUTPUTS), {"image": x})
        except Exception as error:  # ONNX Runtime's errors share no base class.
            if "alloc" in str(error):
                raise MemoryError from None
            reason = str(error).strip().split("\n")[0][:200]
            raise AimkitError(f"ONNX Runtime failed: {reason}", "network", "try --runtime torch", exit_code=1) from None
        return Maps(*(values[..., :height, :width] for values in maps))

    def fuse_maps(self, logits: Float, detail: Float) -> Float:
        """Fuse maps as :mod:`aimkit.models.fusion` does."""
        if self.fuses_softly:
            return _soft(logits, detail, self.classes)
        label = self.labels(logits)[:, None]
        return np.where(label == LEVELS["unknown"], 1 - detail if self.complements else detail, label / np.float32(255))

    def winners(self, logits: Float) -> Array:
        """The likeliest class. Logits so large that their sigmoids are equal count as equal."""
        scores = logits if self.traits.scores == "softmax" else _sigmoid(logits)
        best, winner = scores[:, 0], np.zeros((len(logits), *logits.shape[2:]), np.uint8)
        # np.argmax over an axis of three is ten times slower.
        for channel in range(1, scores.shape[1]):
            winner[scores[:, channel] > best] = channel
            best = np.maximum(best, scores[:, channel])
        return winner


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require() -> None:
    """Check that ONNX Runtime is installed.

    Raises:
        AimkitError: It is not.
    """
    if not installed():
        what, hint = "the runtime onnx needs the package onnxruntime", "pip install onnxruntime, or --runtime torch"
        raise AimkitError(what, "runtime", hint, exit_code=1)


def installed() -> bool:
    """Whether ONNX Runtime is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


def choose_providers(device: str, available: list[str]) -> list[Any]:
    """The execution providers of a device; the CPU computes what the first one can't.

    Args:
        device: As for :class:`OnnxNetwork`.
        available: Installed providers.

    Raises:
        AimkitError: The device is unknown, or its provider is not installed.
    """
    name, _, number = device.partition(":")
    if name == "auto":
        name = next(name for name, provider in PROVIDERS.items() if provider in available or name == "cpu")
    provider = PROVIDERS.get(name)
    if provider is None or (number and not number.isdigit()):
        hint = "use auto, cpu, cuda, directml or coreml, or --runtime torch"
        raise AimkitError(f"the runtime onnx can't use the device '{device}'", "device", hint)
    if provider not in available:
        hint = "install ONNX Runtime for this device, or use --runtime torch"
        raise AimkitError(f"this ONNX Runtime has no {provider}", "device", hint)
    first: Any = (provider, {"device_id": number}) if number else provider
    return [first] if name == "cpu" else [first, PROVIDERS["cpu"]]


def _sigmoid(logits: Float) -> Float:
    with np.errstate(over="ignore"):  # exp(100) is infinite in float32, and 1 / inf is the right answer
        return np.reciprocal(1 + np.exp(-logits))


def _soft(logits: Float, detail: Float, classes: tuple[str, ...]) -> Float:
    share = np.exp(logits - logits.max(1, keepdims=True))
    unknown = classes.index("unknown")
    alpha = share[:, unknown : unknown + 1] * detail
    if "foreground" in classes:
        foreground = classes.index("foreground")
        alpha += share[:, foreground : foreground + 1]
    alpha /= share.sum(1, keepdims=True)
    return np.clip(alpha, 0, 1)
