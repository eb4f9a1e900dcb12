"""Batches of unblended samples: laid out by the workers, finished on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aimkit.data.device.labels import restrict, trimaps
from aimkit.data.device.planes import Planes, levels, quantized
from aimkit.data.device.steps import Drawn, device_steps, linear_to_srgb, srgb_to_linear
from aimkit.recipe import load_recipe
from aimkit.synth.steps import steps
from aimkit.synth.unblended import Unblended
from aimkit.types import Array, ImageType, Sample


@dataclass(frozen=True)
class Row:
    """A sample of a batch; one that is finished is mirrored already."""

    made: Unblended | Sample
    flip: bool
    position: int


@dataclass(frozen=True)
class Step:
    """A step of a batch: the samples that got it, what was drawn for them, (n, ...), and planes, float16, (n, H, W)."""

    name: str
    rows: Array
    values: dict[str, Array]
    plane: Tensor | None = None


@dataclass
class UnfinishedBatch:
    """Planes of a batch as bytes, laid out so that what the samples show coincides.

    Attributes:
        foreground: Straight RGB, uint8, (B, H, W, 3).
        alpha: uint8, (B, H, W).
        background: RGB, uint8, (B, H, W, 3).
        extent: See :class:`Planes`, (B, 4).
        origin: See :class:`Planes`, (B, 2).
        scale: See :class:`Planes`, (B,).
        window: What the samples show: top, left, height, width.
        kernel: Dilation and erosion of the label, (B, 2).
        flip: Whether the sample is mirrored.
        type: Number of the image type.
        composition_valid: Whether I = aF + (1-a)B.
        position: Position in the stream.
        schedule: How trimaps are made.
        linear: Whether to blend in linear light.
        steps: In the order in which they are applied.
        done: Samples that came finished; their composites and labels are ``image`` and ``label``.
        image: RGB, uint8, (n, h, w, 3).
        label: uint8, (n, h, w).
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
    steps: list[Step] = field(default_factory=list)
    done: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    image: Tensor | None = None
    label: Tensor | None = None

    def pin_memory(self) -> UnfinishedBatch:
        """What torch's loader asks for, so that copies to a GPU do not wait."""
        pinned: dict[str, Any] = {
            name: value.pin_memory() for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **pinned)


def lay_out(rows: Sequence[Row]) -> UnfinishedBatch:
    """Bring the planes of samples to one size, and the draws of their steps together."""
    made = [row.made for row in rows]
    size = made[0].view.size if isinstance(made[0], Unblended) else made[0].size
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

    unblended = [m for m in made if isinstance(m, Unblended)]
    batch = UnfinishedBatch(
        foreground=plane([m.foreground for m in made], corners),
        alpha=plane([m.alpha for m in made], corners),
        background=plane([m.background for m in made], corners),
        extent=torch.from_numpy(np.concatenate([corners, shapes], axis=1)),
        origin=torch.tensor([_origin(m) for m in made]),
        scale=torch.tensor([m.view.scale if isinstance(m, Unblended) else 1.0 for m in made]),
        window=(int(start[0]), int(start[1]), *size),
        kernel=np.array([m.kernel if isinstance(m, Unblended) else (0, 0) for m in made]),
        flip=torch.tensor([row.flip and isinstance(row.made, Unblended) for row in rows]),
        type=torch.tensor([list(ImageType).index(m.type) for m in made]),
        composition_valid=torch.tensor([bool(m.meta["composition_valid"]) for m in made]),
        position=torch.tensor([row.position for row in rows]),
        schedule=unblended[0].schedule if unblended else "fixed",
        linear=bool(unblended) and unblended[0].linear,
    )
    drawn: dict[tuple[bool, int, str], list[tuple[int, Any]]] = {}
    for number, m in enumerate(made):
        for step in m.steps if isinstance(m, Unblended) else ():
            drawn.setdefault((_on_image(step.name), step.place, step.name), []).append((number, step.drawn))
    for (_, _, name), those in sorted(drawn.items()):
        numbers = np.array([number for number, _ in those])
        values = {key: _stacked([d.values[key] for _, d in those]) for key in those[0][1].values}
        own = [d.plane.astype(np.float16) for _, d in those if d.plane is not None]
        batch.steps.append(Step(name, numbers, values, plane(own, corners[numbers]) if own else None))
    finished = [(number, m) for number, m in enumerate(made) if isinstance(m, Sample)]
    if finished:
        batch.done = np.array([number for number, _ in finished])
        batch.image = torch.from_numpy(np.stack([m.image for _, m in finished]))
        batch.label = torch.from_numpy(np.stack([m.label for _, m in finished]))
    return batch


@torch.no_grad()
def finish_batch(batch: UnfinishedBatch, device: torch.device | str) -> dict[str, Tensor]:
    """Apply the steps, blend and label a batch.

    Returns:
        What :func:`aimkit.data.loader.to_device` gives of a batch that was finished by the workers.
    """
    device = torch.device(device)
    tensors = {name: value for name, value in vars(batch).items() if isinstance(value, Tensor)}
    sent = {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}
    foreground, background = (sent[name].movedim(3, 1) / 255 for name in ("foreground", "background"))
    alpha = sent["alpha"][:, None] / 255
    planes = Planes(foreground, alpha, background, foreground[:, :0], sent["extent"], sent["origin"], sent["scale"])
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
    label = restrict(trimaps(planes, matte, batch.kernel, batch.schedule), sent["type"])
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
        done = torch.from_numpy(batch.done).to(device)
        result["image"][done] = sent["image"].movedim(3, 1) / 255
        result["label"][done] = sent["label"][:, None].float()
    mirrored = sent["flip"][:, None, None, None]
    result = {name: torch.where(mirrored, x.flip(3), x) for name, x in result.items()}
    return result | {name: sent[name] for name in ("composition_valid", "type", "position")}


def division(source: Any) -> str:
    """Who makes what of a live stream (its table), in a line."""
    kept: dict[str, list[str]] = {"placing": [], "whole": []}
    for block in load_recipe(source.recipe, source.overrides, kind="synth").steps:
        info = steps.get(block.step).info
        if "draw" not in info:
            kept["whole" if info["on"] in ("planes", "image") else "placing"].append(block.step)
    text = "on the device; workers do " + ", ".join(["the placing", *dict.fromkeys(kept["placing"])])
    whole = ", ".join(dict.fromkeys(kept["whole"]))
    return text + (f", and all of the samples that get {whole}" if whole else "")


def _apply(step: Step, planes: Planes) -> None:
    device = planes.alpha.device
    rows = torch.from_numpy(step.rows).to(device)
    part = planes.take(rows)
    plane = None if step.plane is None else step.plane.to(device, non_blocking=True)[:, None].float()
    before = replace(part)
    device_steps.get(step.name).value(part, Drawn(step.values, plane, device))
    planes.put(rows, before, part)


def _blend(foreground: Tensor, alpha: Tensor, background: Tensor, *, linear: bool) -> Tensor:
    if linear:
        foreground, background = srgb_to_linear(foreground), srgb_to_linear(background)
    image = (foreground - background) * alpha + background
    return linear_to_srgb(image) if linear else quantized(image)


def _on_image(name: str) -> bool:
    return bool(steps.get(name).info["on"] == "image")


def _before(made: Unblended | Sample) -> tuple[int, int]:
    """Pixels above and left of what a sample shows."""
    if isinstance(made, Sample):
        return 0, 0
    top, left = (round(a - b) for a, b in zip(made.view.offset, made.grown.offset, strict=True))
    return top, left


def _origin(made: Unblended | Sample) -> list[int]:
    return [0, 0] if isinstance(made, Sample) else [int(n) for n in made.grown.offset]


def _stacked(values: Sequence[Any]) -> Array:
    """Draws of several samples, (n, ...); kernels, whose sides are odd, get the size of the largest."""
    arrays = [np.asarray(value) for value in values]
    if arrays[0].ndim:
        largest = np.max([a.shape for a in arrays], axis=0)
        arrays = [np.pad(a, [(n, n) for n in (largest - a.shape) // 2]) for a in arrays]
    stacked = np.stack(arrays)
    return stacked.astype(np.float32) if stacked.dtype == np.float64 else stacked
