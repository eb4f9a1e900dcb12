"""Steps on batches: each function applies the step class of the same name to a batch, with parameters that it drew.

A step on planes or composites that has no function here is applied by the workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from aimkit.data.device.filters import filter_2d, filter_premultiplied, filter_separable
from aimkit.data.device.noise import noise
from aimkit.data.device.planes import BatchPlanes, levels, quantized, sent
from aimkit.registry import Registry
from aimkit.types import Array


@dataclass(frozen=True)
class BatchStepParams:
    """Parameters of one step for the n samples that got it; see :class:`aimkit.synth.steps.StepParams`.

    Attributes:
        values: The values of all samples by name, each (n, ...), on the host.
        plane: The planes that the step needs besides, float32 in [0, 1], (n, 1, H, W), or None.
        device: Device of the samples' planes.
    """

    values: dict[str, Array]
    plane: Tensor | None
    device: torch.device

    def tensor(self, name: str) -> Tensor:
        """A value on the device, (n, ...)."""
        return sent(self.values[name], self.device)

    def number(self, name: str) -> Tensor:
        """A number per sample on the device, (n, 1, 1, 1), to broadcast over planes."""
        return self.tensor(name)[:, None, None, None]


#: Functions that set new planes of a batch, and never write into old ones.
device_steps: Registry[Callable[[BatchPlanes, BatchStepParams], None]] = Registry(
    "device step", ["aimkit.data.device.steps"]
)


@device_steps.register("gamma")
def gamma(planes: BatchPlanes, params: BatchStepParams) -> None:
    """The same power law on F and B."""
    exponent = params.number("gamma")
    planes.foreground, planes.background = planes.foreground**exponent, planes.background**exponent


@device_steps.register("contrast")
def contrast(planes: BatchPlanes, params: BatchStepParams) -> None:
    """The same contrast and brightness on F and B, clipped."""
    factor, offset, pivot = (params.number(name) for name in ("factor", "offset", "pivot"))
    for name in ("foreground", "background"):
        setattr(planes, name, ((getattr(planes, name) - pivot) * factor + pivot + offset).clamp_(0, 1))


@device_steps.register("white_balance")
def white_balance(planes: BatchPlanes, params: BatchStepParams) -> None:
    """The same channel gains on F and B."""
    gains = params.tensor("gains")[:, :, None, None]
    for name in ("foreground", "background"):
        setattr(planes, name, (getattr(planes, name) * gains).clamp_(0, 1))


@device_steps.register("match_histogram")
def match_histogram(planes: BatchPlanes, params: BatchStepParams) -> None:
    """F through the curves of its channels."""
    curves = params.tensor("curves").movedim(2, 1)
    color = planes.foreground
    matched = curves.gather(2, levels(color).long().flatten(2)).view_as(color)
    planes.foreground = color + params.number("strength") * (matched - color)


@device_steps.register("shadow")
def shadow(planes: BatchPlanes, params: BatchStepParams) -> None:
    """The shadow darkens B."""
    assert params.plane is not None
    planes.background = planes.background * (1 - params.number("strength") * params.plane)


@device_steps.register("light_wrap")
def light_wrap(planes: BatchPlanes, params: BatchStepParams) -> None:
    """Blurred light of B spills onto the edge of F."""
    kernels, strength = _to(gaussians(params.values["sigma"]), params), params.number("strength")
    clear = 1 - planes.alpha
    blurred = filter_separable(torch.cat([planes.background * clear, clear], dim=1), kernels, planes)
    spill, nearness = blurred[:, :3], blurred[:, 3:]
    planes.foreground = (planes.foreground * (1 - strength * nearness) + strength * spill).clamp_(0, 1)


@device_steps.register("defocus")
def defocus(planes: BatchPlanes, params: BatchStepParams) -> None:
    """Disc blur of B or F."""
    front = sent(np.flatnonzero(params.values["foreground"]), params.device)
    back = sent(np.flatnonzero(~params.values["foreground"]), params.device)
    kernels = params.tensor("kernel")
    if len(back):
        part = planes.take(back)
        planes.background = planes.background.clone()
        planes.background[back] = filter_2d(part.background, kernels[back], part, "reflect")
    if len(front):
        part = planes.take(front)
        planes.foreground, planes.alpha = planes.foreground.clone(), planes.alpha.clone()
        color, alpha = filter_premultiplied(part.foreground, part.alpha, kernels[front], part)
        planes.foreground[front], planes.alpha[front] = color, alpha


@device_steps.register("motion_blur")
def motion_blur(planes: BatchPlanes, params: BatchStepParams) -> None:
    """F and its matte, blurred along a line."""
    kernels = params.tensor("kernel")
    planes.foreground, planes.alpha = filter_premultiplied(planes.foreground, planes.alpha, kernels, planes)


@device_steps.register("blur_background")
def blur_background(planes: BatchPlanes, params: BatchStepParams) -> None:
    """Box blur of B; before an even box one of two pixels centres it."""
    sides = params.values["side"]
    halves = np.where((params.values["centered"] & (sides % 2 == 0))[:, None], [[0, 0.5, 0.5]], [[0, 1, 0]])
    halved = filter_separable(quantized(planes.background), _to(halves, params), planes)
    planes.background = quantized(filter_separable(halved, _to(boxes(sides), params), planes))


@device_steps.register("shared_noise")
def shared_noise(planes: BatchPlanes, params: BatchStepParams) -> None:
    """The same noise on the levels of F and B, rounded and clipped."""
    added = noise(planes, params.tensor("starts")) * (params.number("sigma") * 255)
    for name in ("foreground", "background"):
        setattr(planes, name, (levels(getattr(planes, name)) + added).round_().clamp_(0, 255).div_(255))


@device_steps.register("sensor_noise")
def sensor_noise(planes: BatchPlanes, params: BatchStepParams) -> None:
    """Shot and read noise in linear light, on the composite."""
    light = srgb_to_linear(planes.image)
    deviation = (params.number("shot") * light + params.number("read")).sqrt_()
    light = light + deviation * noise(planes, params.tensor("starts"))
    planes.image = linear_to_srgb(light.clamp_(0, 1))


def srgb_to_linear(color: Tensor) -> Tensor:
    """Decode sRGB values in [0, 1] to linear light."""
    return torch.where(color <= 0.04045, color / 12.92, ((color.clamp(min=0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: Tensor) -> Tensor:
    """Encode linear light in [0, 1] as sRGB values."""
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp(min=0) ** (1 / 2.4) - 0.055)


def gaussians(sigmas: Array) -> Array:
    """Gaussian kernels as OpenCV cuts them off, float32, (n, k)."""
    sides = [round(8 * float(sigma) + 1) | 1 for sigma in sigmas]
    half = max(sides) // 2
    rows = zip(sides, sigmas, strict=True)
    kernels = [np.pad(cv2.getGaussianKernel(s, float(v), cv2.CV_32F)[:, 0], half - s // 2) for s, v in rows]
    return np.stack(kernels)


def boxes(sides: Array) -> Array:
    """Box kernels of these sides, float64, (n, k); an even one has one pixel more before the middle."""
    half = int(sides.max()) // 2
    at = np.arange(-half, half + 1)[None]
    before, side = (sides // 2)[:, None], sides[:, None]
    return ((at >= -before) & (at < side - before)) / side


def _to(kernels: Array, params: BatchStepParams) -> Tensor:
    return sent(kernels.astype(np.float32), params.device)
