"""How fast a device is, compared with estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aimkit.bench import train as training
from aimkit.bench.gpu.report import Figure, GpuCheck
from aimkit.bench.gpu.right import batch
from aimkit.bench.roofline import cost_of, step_cost
from aimkit.data.loader import to_device
from aimkit.models.blocks import unpool
from aimkit.models.registry import create_model
from aimkit.predict.predictor import Predictor
from aimkit.recipe import load_recipe
from aimkit.train import losses, objectives

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

#: (channels, side at 512) of the maps that AimNet unpools on resnet34_mp.
_UNPOOLED = ((64, 256), (64, 128), (64, 64), (128, 32), (256, 16))


def steps(check: GpuCheck) -> Iterator[Figure]:
    """Whole train steps: forward, losses, backward, a fused AdamW; with the peak of memory."""
    size, part = check.size, "train step"
    precisions = list(_TYPES) if check.device.type == "cuda" else ["fp32", "bf16"]
    for precision in precisions:
        half = torch.float32 if precision == "fp32" else torch.bfloat16
        cost = step_cost(size.backbone, batch=size.batch, size=size.side, dtype=half)
        layouts = product((False, True), (False, True)) if check.device.type == "cuda" else [(False, False)]
        for channels_last, benchmark in layouts:
            named = [precision, *["channels_last"] * channels_last, *["benchmark"] * benchmark]
            found = _step(check, precision, channels_last, benchmark)
            yield Figure(
                part, " ".join(named), found, "ms", cost.milliseconds, f"{size.batch / found * 1e3:.1f} samples/s"
            )
            if (peak := check.peak()) is not None:
                yield Figure(part, " ".join([*named, "peak"]), peak, "GB", cost.saved)
    if size.compiled:
        yield Figure(part, "bf16 compiled", _step(check, "bf16", False, False, compiled=True), "ms", cost.milliseconds)
        check.peak()


def _step(check: GpuCheck, precision: str, channels_last: bool, benchmark: bool, *, compiled: bool = False) -> float:
    """Milliseconds of a step."""
    size, device = check.size, check.device
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, benchmark
    network = create_model("aimnet", backbone=size.backbone).train().to(device)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    model: Any = torch.compile(network) if compiled else network
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6, fused=True)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    weights, data = objectives.term_weights("aimnet", "matting", {}), to_device(batch(size.batch, size.side), device)

    def work() -> None:
        lower = torch.autocast(device.type, _TYPES[precision]) if precision != "fp32" else nullcontext()
        image = network.preprocess(data["image"])
        with lower:
            output = model(image.contiguous(memory_format=torch.channels_last) if channels_last else image)
        total = objectives.compute("aimnet", network, output, data, weights)["total"]
        torch.autograd.backward(scaler.scale(total))
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    try:
        return check.milliseconds(work)
    finally:
        torch.backends.cudnn.benchmark = before


def rivals(check: GpuCheck) -> Iterator[Figure]:
    """Unpooling and the Laplacian, each compared with the rejected implementation, forward and backward."""
    size, half = check.size, torch.bfloat16

    def unpooled(how: Callable[[Tensor, Tensor], Tensor], device: torch.device) -> Callable[[], None]:
        maps = []
        for channels, side in _UNPOOLED:
            shape = (size.batch, channels, *[max(1, side * size.side // 512)] * 2)
            x = torch.rand(shape, device=device, dtype=half, requires_grad=True)
            at = torch.arange(shape[2], device=device)
            maps.append((x, (4 * shape[3] * at[:, None] + 2 * at).expand(shape).contiguous()))

        def work() -> None:
            for x, indices in maps:
                torch.autograd.backward(how(x, indices).sum())

        return work

    def laplacian(kernel: bool, device: torch.device) -> Callable[[], None]:
        plane = torch.rand(size.batch, 1, size.side, size.side, device=device, requires_grad=True)
        weight = losses._blur_kernel(device) if kernel else None

        def work() -> None:
            total, rest = torch.zeros((), device=device), plane
            for _ in range(5):
                blurred = losses._blur(rest, weight)
                total, rest = total + (rest - blurred).abs().mean(), F.avg_pool2d(blurred, 2)
            torch.autograd.backward(total + rest.abs().mean())

        return work

    forms: dict[str, Callable[[torch.device], Callable[[], None]]] = {
        "unpool": lambda device: unpooled(unpool, device),
        "max_unpool2d": lambda device: unpooled(lambda x, indices: F.max_unpool2d(x, indices, (2, 2), (2, 2)), device),
        "laplacian by convolutions": lambda device: laplacian(True, device),
        "laplacian by shifted views": lambda device: laplacian(False, device),
    }
    for name, make in forms.items():
        cost = cost_of(make(torch.device("meta")))
        yield Figure(
            "rivals", name, check.milliseconds(make(check.device)), "ms", cost.milliseconds, f"{cost.kernels} kernels"
        )
    check.peak()


def data(check: GpuCheck) -> Iterator[Figure]:
    """The recipe `demo` with its network at the check's size: data, network, both together; and device compositing."""
    size, part = check.size, "training"
    crop = f'data.transform={{transform="crop", size={size.side}, crops=[{size.side}]}}'
    common = [f"model.backbone={size.backbone}", f"batch={size.batch}", crop]
    common += [f"data.train.overrides=['placement.height={size.side}', 'placement.width={size.side}']"]
    if check.device.type == "cuda":
        common.append("precision=bf16")
    for extra, named in (
        ([], "composites by workers"),
        (["device_compositing=true", 'data.train.crop_first="fast"'], "composites on the device"),
    ):
        for workers in size.workers:
            recipe = load_recipe("demo", [*common, *extra, f"data.workers={workers}"], kind="train")
            with check.training():
                found = training.measure(recipe, size.seconds)
            note = f"one core makes {found.data:.1f}, the network takes {found.network:.1f}; limit: {found.limit}"
            yield Figure(part, f"{named}, {workers} workers", found.together, "samples/s", note=note)
    check.peak()


def prediction(check: GpuCheck) -> Iterator[Figure]:
    """One photo by every strategy and precision."""
    network = create_model("aimnet", backbone=check.size.backbone)
    height, width = check.size.photo
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for strategy, precision in product(("hybrid", "resize", "whole"), ("fp32", "bf16", "fp16")):
        if precision == "fp16" and check.device.type == "cpu":
            continue
        predictor = Predictor(network, strategy, device=check.device, precision=precision, foreground=False)
        found = check.milliseconds(lambda predictor=predictor: predictor(photo))  # type: ignore[misc]
        yield Figure("prediction", f"{width}x{height}, {strategy}, {precision}", found, "ms")
    check.peak()
