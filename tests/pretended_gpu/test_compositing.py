"""Every step of the compositing on a GPU: nothing lies on the wrong side, and the levels are those of the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pretended_gpu import CUDA, GpuCounts

from aimkit.data.device.batch import BatchRow, DeferredBatch, collate_deferred, finish_batch
from aimkit.data.device.steps import device_steps
from aimkit.matting.trimap import SCHEDULES
from aimkit.recipe import parse
from aimkit.synth.engine import Synthesizer
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.view import View

CANVAS, SIDE = (80, 90), (32, 32)
VIEWS = [View(CANVAS, SIDE, (0, 0), 1), View(CANVAS, SIDE, (20.3, 30.7), 0.6)]


def batch(**keys: Any) -> DeferredBatch:
    """Two samples, one of them mirrored."""
    data = {
        "kind": "synth",
        "seed": 6,
        "foregrounds": [{"source": "procedural", "generators": ["toy", "fog"]}],
        "backgrounds": [{"source": "procedural", "generators": ["sky"]}],
        "placement": {"mode": "canvas", "height": CANVAS[0], "width": CANVAS[1]},
        "labels": {"kernel": [3, 9], "schedule": "random"},
    }
    made = Synthesizer(parse(SynthRecipe, {**data, **keys}, "test"))
    left = [made.deferred(i, lambda canvas, transition, v=view: v, SIDE, device_steps) for i, view in enumerate(VIEWS)]
    return collate_deferred([BatchRow(one, bool(i), i) for i, one in enumerate(left)])


def check(batch: DeferredBatch, gpu: GpuCounts) -> None:
    want = finish_batch(batch, "cpu")
    gpu.clear()
    got = finish_batch(batch, CUDA)
    assert gpu.launches.total() > 0
    assert not gpu.waits
    assert not gpu.doubles
    for name, value in want.items():
        assert got[name].is_cuda
        assert torch.allclose(got[name].cpu().double(), value.double(), atol=1e-5), name


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(device_steps.list(), id="all"),
        *(pytest.param([name], id=name, marks=pytest.mark.slow) for name in device_steps.list()),
    ],
)
def test_steps(names: list[str], gpu: GpuCounts) -> None:
    defocus = {"target": "either", "radius": [2, 5]}
    steps = [{"step": name, "p": 1, **(defocus if name == "defocus" else {})} for name in names]
    ready = batch(steps=steps)
    assert {step.name for step in ready.steps} == set(names)
    check(ready, gpu)


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys",
    [
        {"blend": "linear"},
        *({"labels": {"kernel": 5 if name == "fixed" else [3, 9], "schedule": name}} for name in SCHEDULES),
        # The workers finish the samples that get such a step, and the device puts them between its own.
        {"steps": [{"step": "jpeg", "p": 0.5}]},
    ],
)
def test_blending_and_labels(keys: dict[str, Any], gpu: GpuCounts) -> None:
    check(batch(**keys), gpu)
