"""Batches of deferred samples: collated by the workers, finished on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aimkit.data.device.labels import restrict, trimaps
from aimkit.data.device.planes import BatchPlanes, levels, quantized, sent
from aimkit.data.device.steps import BatchStepParams, device_steps, linear_to_srgb, srgb_to_linear
from aimkit.recipe import load_recipe
from aimkit.synth.deferred import DeferredSample
from aimkit.synth.steps import StepParams, steps
from aimkit.types import Array, ImageType, Sample


@dataclass(frozen=True)
class BatchRow:
    """A sample of a batch.

    Attributes:
        made: The sample, deferred or finished.
        flip: Whether to mirror a deferred sample; a finished one is mirrored already.
        position: Position in the stream.
    """

    made: DeferredSample | Sample
    flip: bool
    position: int


@dataclass(frozen=True)
class BatchStep:
    """A step of a batch.

    Attributes:
        name: Registered name.
        rows: Numbers of the n samples that got it, (n,).
        values: Their drawn parameters by name, each (n, ...).
        plane: The planes that the step needs besides, float16, (n, H, W), or None.
    """

    name: str
    rows: Array
    values: dict[str, Array]
    plane: Tensor | None = None


@dataclass
class DeferredBatch:
    """A batch before its steps, its blending and its labels, laid out so that what the samples show coincides.

    Attributes:
        foreground: Straight RGB, uint8, (B, H, W, 3).
        alpha: Mattes, uint8, (B, H, W).
        background: RGB, uint8, (B, H, W, 3).
        extent: Rectangles that hold the samples' planes, int64, (B, 4); see :class:`BatchPlanes`.
        origin: Where the planes begin on the scaled canvas, int64, (B, 2); see :class:`BatchPlanes`.
        scale: Pixels of the view per pixel of the canvas, float32, (B,).
        window: Rectangle that the samples show, as (top, left, height, width).
        kernel: Dilation and erosion of the labels in pixels, int, (B, 2).
        flip: Whether to mirror each sample, bool, (B,).
        type: Number of the image type, int64, (B,).
        composition_valid: Whether I = aF + (1-a)B holds, bool, (B,).
        position: Position in the stream, int64, (B,).
        schedule: How trimaps are made, as in the recipe's ``labels.schedule``.
        linear: Whether to blend in linear light.
        steps: Steps in the order in which they are applied.
        done: Numbers of the n samples that came finished, int64, (n,).
        image: Composites of the finished samples, RGB, uint8, (n, h, w, 3), or None.
        label: Labels of the finished samples, uint8, (n, h, w), or None.
    """

    foreground: Tensor
    alpha: Tensor
    background: Tensor
    extent: Tensor
    origin: Tensor
    scale: Tensor
    window: tuple[int, int, int, int]
    kernel: Array
    flip: Tensor
    type: Tensor
    composition_valid: Tensor
    position: Tensor
    schedule: str
    linear: bool
    steps: list[BatchStep] = field(default_factory=list)
    done: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    image: Tensor | None = None
    label: Tensor | None = None

    def pin_memory(self) -> DeferredBatch:
        """Pin the tensors, as torch's loader asks, so that copies to a GPU do not wait."""
        pinned: dict[str, Any] = {
            name: value.pin_memory() for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        steps = [replace(step, plane=None if step.plane is None else step.plane.pin_memory()) for step in self.steps]
        return replace(self, **pinned, steps=steps)


def collate_deferred(rows: Sequence[BatchRow]) -> DeferredBatch:
    """Collate samples: bring their planes to one size, and the parameters of each step together."""
    made = [row.made for row in rows]
    size = made[0].view.size if isinstance(made[0], DeferredSample) else made[0].size
    before = np.array([_before(m) for m in made])
    shapes = np.array([m.alpha.shape for m in made])
    start = before.max(axis=0)
    height, width = start + (shapes - before).max(axis=0)
    corners = start - before

    def plane(parts: Sequence[Array], at: Array) -> Tensor:
        laid = np.zeros((len(parts), height, width, *parts[0].shape[2:]), parts[0].dtype)
        for row, part, (top, left) in zip(laid, parts, at, strict=True):
            row[top : top + part.shape[0], left : left + part.shape[1]] = part
        return torch.from_numpy(laid)

    deferred = [m for m in made if isinstance(m, DeferredSample)]
    batch = DeferredBatch(
        foreground=plane([m.foreground for m in made], corners),
        alpha=plane([m.alpha for m in made], corners),
        background=plane([m.background for m in made], corners),
        extent=torch.from_numpy(np.concatenate([corners, shapes], axis=1)),
        origin=torch.tensor([_origin(m) for m in made]),
        scale=torch.tensor([m.view.scale if isinstance(m, DeferredSample) else 1.0 for m in made]),
        window=(int(start[0]), int(start[1]), *size),
        kernel=np.array([m.kernel if isinstance(m, DeferredSample) else (0, 0) for m in made]),
        flip=torch.tensor([row.flip and isinstance(row.made, DeferredSample) for row in rows]),
        type=torch.tensor([list(ImageType).index(m.type) for m in made]),
        composition_valid=torch.tensor([bool(m.meta["composition_valid"]) for m in made]),
        position=torch.tensor([row.position for row in rows]),
        schedule=deferred[0].schedule if deferred else "fixed",
        linear=bool(deferred) and deferred[0].linear,
    )
    pending: dict[tuple[bool, int, str], list[tuple[int, StepParams]]] = {}
    for number, m in enumerate(made):
        for one in m.steps if isinstance(m, DeferredSample) else ():
            key = (one.step.stage == "image", one.position, one.step.step)
            pending.setdefault(key, []).append((number, one.params))
    for (_, _, name), drawn in sorted(pending.items()):
        numbers = np.array([number for number, _ in drawn])
        values = {key: _stacked([params.values[key] for _, params in drawn]) for key in drawn[0][1].values}
        own = [params.plane.astype(np.float16) for _, params in drawn if params.plane is not None]
        batch.steps.append(BatchStep(name, numbers, values, plane(own, corners[numbers]) if own else None))
    finished = [(number, m) for number, m in enumerate(made) if isinstance(m, Sample)]
    if finished:
        batch.done = np.array([number for number, _ in finished])
        batch.image = torch.from_numpy(np.stack([m.image for _, m in finished]))
        batch.label = torch.from_numpy(np.stack([m.label for _, m in finished]))
    return batch


@torch.no_grad()
def finish_batch(batch: DeferredBatch, device: torch.device | str) -> dict[str, Tensor]:
    """Apply the steps, blend and label a batch.

    Returns:
        What :func:`aimkit.data.loader.to_device` gives of a batch that was finished by the workers.
    """
    device = torch.device(device)
    tensors = {name: value for name, value in vars(batch).items() if isinstance(value, Tensor)}
    ready = {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}
    foreground, background = (ready[name].movedim(3, 1) / 255 for name in ("foreground", "background"))
    alpha = ready["alpha"][:, None] / 255
    planes = BatchPlanes(
        foreground, alpha, background, foreground[:, :0], ready["extent"], ready["origin"], ready["scale"]
    )
    for step in batch.steps:
        if not _on_image(step.name):
            _apply(step, planes)
    matte = levels(planes.alpha)
    # What is stored is what is blended, as in the engine.
    planes.foreground, planes.background = quantized(planes.foreground), quantized(planes.background)
    planes.image = _blend(planes.foreground, matte / 255, planes.background, linear=batch.linear)
    for step in batch.steps:
        if _on_image(step.name):
            _apply(step, planes)
    label = restrict(trimaps(planes, matte, batch.kernel, batch.schedule), ready["type"])
    top, left, height, width = batch.window
    shown = {
        "image": quantized(planes.image),
        "foreground": planes.foreground,
        "background": planes.background,
        "alpha": matte,
        "label": label,
    }
    result = {name: x[:, :, top : top + height, left : left + width] for name, x in shown.items()}
    if batch.image is not None:
        done = sent(batch.done, device)
        result["image"][done] = ready["image"].movedim(3, 1) / 255
        result["label"][done] = ready["label"][:, None].float()
    mirrored = ready["flip"][:, None, None, None]
    result = {name: torch.where(mirrored, x.flip(3), x) for name, x in result.items()}
    return result | {name: ready[name] for name in ("composition_valid", "type", "position")}


def division(source: Any) -> str:
    """One line that says what of a live stream the device makes and what the workers make."""
    kept: dict[str, list[str]] = {"placing": [], "whole": []}
    for step in load_recipe(source.recipe, source.overrides, kind="synth").steps:
        if step.step not in device_steps:
            kept["whole" if step.stage in ("planes", "image") else "placing"].append(step.step)
    parts = ["place the layers"]
    if kept["placing"]:
        parts.append("apply " + ", ".join(dict.fromkeys(kept["placing"])))
    if kept["whole"]:
        parts.append("make whole samples that get " + ", ".join(dict.fromkeys(kept["whole"])))
    return "on the device; workers " + "; ".join(parts)


def _apply(step: BatchStep, planes: BatchPlanes) -> None:
    device = planes.alpha.device
    rows = sent(step.rows, device)
    part = planes.take(rows)
    plane = None if step.plane is None else step.plane.to(device, non_blocking=True)[:, None].float()
    before = replace(part)
    device_steps.get(step.name).value(part, BatchStepParams(step.values, plane, device))
    planes.put(rows, before, part)


def _blend(foreground: Tensor, alpha: Tensor, background: Tensor, *, linear: bool) -> Tensor:
    if linear:
        foreground, background = srgb_to_linear(foreground), srgb_to_linear(background)
    image = (foreground - background) * alpha + background
    return linear_to_srgb(image) if linear else quantized(image)


def _on_image(name: str) -> bool:
    return steps.get(name).value.stage == "image"


def _before(made: DeferredSample | Sample) -> tuple[int, int]:
    """How many pixels lie (above, left of) what a sample shows."""
    if isinstance(made, Sample):
        return 0, 0
    top, left = (round(a - b) for a, b in zip(made.view.offset, made.padded.offset, strict=True))
    return top, left


def _origin(made: DeferredSample | Sample) -> list[int]:
    return [0, 0] if isinstance(made, Sample) else [int(n) for n in made.padded.offset]


def _stacked(values: Sequence[Any]) -> Array:
    """Values of several samples, (n, ...); kernels, whose sides are odd, get the size of the largest."""
    arrays = [np.asarray(value) for value in values]
    if arrays[0].ndim:
        largest = np.max([a.shape for a in arrays], axis=0)
        arrays = [np.pad(a, [(n, n) for n in (largest - a.shape) // 2]) for a in arrays]
    stacked = np.stack(arrays)
    return stacked.astype(np.float32) if stacked.dtype == np.float64 else stacked
