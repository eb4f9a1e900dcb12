"""Whether a device computes what the CPU computes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from aimkit.bench.gpu.report import Figure, GpuCheck
from aimkit.data.device.filters import full_precision
from aimkit.data.loader import to_device
from aimkit.models.blocks import enlarge, unpool
from aimkit.models.registry import create_model
from aimkit.recipe import load_recipe
from aimkit.train import checkpoint, losses, objectives
from aimkit.train.loop import train

#: Largest relative difference between CPU and device in float32, and between bfloat16 and float32.
_NEAR, _NEAR_HALF = 1e-3, 2e-2

_SMALL = ("aimnet", "mobilenetv3_small_050")


def three_steps(check: GpuCheck) -> Iterator[Figure]:
    """Losses, gradient and weights of three steps of SGD from the same start, in float32."""
    part, found = "three steps against the CPU", []
    for device in (torch.device("cpu"), check.device):
        torch.manual_seed(0)
        network = create_model(_SMALL[0], backbone=_SMALL[1], width=16).train().to(device)
        # Dropout draws other numbers on a GPU, and statistics of few samples enlarge small differences.
        network.backbone.eval()
        optimizer, totals = torch.optim.SGD(network.parameters(), lr=1e-3), list[Tensor]()
        weights = objectives.term_weights(_SMALL[0], "matting", {})
        for _ in range(3):
            data = to_device(batch(4, 64), device)
            optimizer.zero_grad()
            with full_precision():
                output = network(network.preprocess(data["image"]))
                total = objectives.compute(_SMALL[0], network, output, data, weights)["total"]
                torch.autograd.backward(total)
            optimizer.step()
            totals.append(total.detach())
        gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
        learnt = torch.cat([p.detach().flatten() for p in network.parameters()])
        found.append((torch.stack(totals).cpu(), gradient.cpu(), learnt.cpu()))
    bounds = {"losses": _NEAR, "gradient": 10 * _NEAR, "weights": _NEAR}
    for (name, bound), one, other in zip(bounds.items(), *found, strict=True):
        apart = float((one - other).norm() / one.norm())
        yield Figure(part, f"{name}, relative difference", apart, "", bound, right=apart < bound)


def checkpoints(check: GpuCheck) -> Iterator[Figure]:
    """Two steps of the recipe `demo` on the device, resumed after the first, compared with two without a break."""
    overrides = ["steps=2", "batch=2", "checkpoint_every=1", "validation.count=1", "validation.every=2"]
    recipe = load_recipe("demo", [*overrides, "data.workers=0"], kind="train")
    with TemporaryDirectory() as folder, check.training():
        whole, parts = Path(folder) / "whole", Path(folder) / "parts"
        train(recipe, whole)
        shutil.copytree(whole, parts)
        shutil.rmtree(parts / "checkpoints/step_00000002")
        train(recipe, parts, resume=True)
        one, other = (checkpoint.load(run / "checkpoints/step_00000002").weights for run in (whole, parts))
    apart = max(float((one[name].float() - other[name].float()).abs().max()) for name in one)
    name = "weights after a resume, largest difference"
    yield Figure("checkpoints", name, apart, "", _NEAR, right=apart < _NEAR)


def gradients_of_upsampling(check: GpuCheck) -> Iterator[Figure]:
    """The gradient of enlarging in bfloat16, compared with that in float32."""
    for factor in (2, 4, 8, 16):
        torch.manual_seed(0)
        x = torch.rand(2, 8, 16, 16, device=check.device).bfloat16()
        weight = torch.rand(2, 8, 16 * factor, 16 * factor, device=check.device).bfloat16()
        found = []
        for dtype in (torch.float32, torch.bfloat16):
            leaf = x.detach().to(dtype).requires_grad_()
            torch.autograd.backward(enlarge(leaf, factor), weight.to(dtype))
            assert leaf.grad is not None
            found.append(leaf.grad.float())
        apart = float((found[0] - found[1]).norm() / found[0].norm())
        yield Figure(
            "gradient of upsampling", f"factor {factor}, bf16", apart, "", _NEAR_HALF, right=apart < _NEAR_HALF
        )


def single_operations(check: GpuCheck) -> Iterator[Figure]:
    """Operations with a separate GPU implementation, compared with the CPU."""
    torch.manual_seed(0)
    plane, values = torch.rand(2, 1, 96, 80), torch.rand(2, 4, 16, 16)
    source = torch.rand(2, 4, 32, 32)
    indices = torch.nn.functional.max_pool2d(source, 3, 2, 1, return_indices=True)[1]
    device = check.device
    pairs = {
        "laplacian": (
            losses.laplacian(plane, plane.flip(3)),
            losses.laplacian(plane.to(device), plane.flip(3).to(device)),
        ),
        "unpool": (unpool(values, indices), unpool(values.to(device), indices.to(device))),
    }
    for name, (expected, got) in pairs.items():
        apart = float((expected - got.cpu()).norm() / expected.norm())
        yield Figure("single operations against the CPU", name, apart, "", _NEAR, right=apart < _NEAR)


def batch(count: int, side: int) -> dict[str, Tensor]:
    """A batch as the loader gives it: a disc in front of noise, with all classes in its label."""
    draw = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    alpha = ((0.4 * side - torch.hypot(y - side / 2, x - side / 2)) / (side / 8)).clamp(0, 1)
    planes = [torch.randint(256, (count, 3, side, side), dtype=torch.uint8, generator=draw) for _ in range(2)]
    label = torch.where(alpha == 1, 255, torch.where(alpha == 0, 0, 128))
    return {
        "image": (alpha * planes[0] + (1 - alpha) * planes[1]).round().to(torch.uint8),
        "foreground": planes[0],
        "background": planes[1],
        "alpha": (alpha * 255).round().to(torch.uint8).expand(count, 1, side, side),
        "label": label.to(torch.uint8).expand(count, 1, side, side),
        "composition_valid": torch.ones(count, dtype=torch.bool),
    }
