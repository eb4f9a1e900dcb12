"""A train step gives the device work and never waits for it; the loss is read afterwards."""

from __future__ import annotations

import copy
import json
import math
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode

from aimkit.bench.roofline import OperationCount, step_cost
from aimkit.data.ahead import Ahead
from aimkit.data.loader import make_loader
from aimkit.errors import AimkitError
from aimkit.train import loop, readings, start
from aimkit.train.average import MovingAverage
from aimkit.train.counters import counted_together
from aimkit.train.failures import failures_told
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, build, build_network, sampler_of
from aimkit.train.state import State
from aimkit.train.step import one_step

Make = Callable[..., TrainRecipe]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")

#: What makes the host wait for a GPU.
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "item", "unique_dim", "bincount"}


class Waits(TorchDispatchMode):
    """Notes the lines that wait. What the optimiser reads is its count of steps, which lies on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name.split("::")[1] in WAITS:
            frames = traceback.extract_stack()
            if not any("torch/optim" in frame.filename for frame in frames):
                own = [frame for frame in frames if "aimkit/" in frame.filename] or frames
                self.found.append(f"{own[-1].filename}:{own[-1].lineno}")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "keys",
    [
        {"ema": 0.9, "optim": {"clip": 1.0, "freeze_backbone": 1}, "batch": 4, "accumulate": 2},
        pytest.param({"model": {"name": "p3mnet", "backbone": "resnet18"}, "parity": True}, marks=pytest.mark.slow),
        pytest.param(
            {"model": {"name": "gfm", "backbone": "resnet18", "options": {"rosta": "RIM"}}}, marks=pytest.mark.slow
        ),
        pytest.param({"model": {"backbone": "resnet34_mp", "options": {"fusion": "soft"}}}, marks=pytest.mark.slow),
    ],
    ids=["aimnet", "p3mnet", "gfm", "unpooling"],
)
def test_nothing_in_a_step_waits_for_the_device(keys: dict[str, Any], recipe: Make) -> None:
    same = recipe(**keys)
    parts = build(same)
    batches = list(make_loader(parts.dataset, sampler_of(same, parts, 0, 2)))
    pending = iter(batches)
    one_step(same, parts, State(), pending)
    with Waits() as waits:
        terms = one_step(same, parts, State(step=1), pending)
    assert waits.found == []
    with Waits() as waits:
        float(terms["total"])
    assert len(waits.found) == 1, "this test would not see a wait"


def test_reading_later_changes_nothing(
    recipe: Make, held_out: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU the loss is read before each line of the log, validation and checkpoint, not after each step."""
    same = recipe(steps=3, log_every=2, checkpoint_every=3, validation={**held_out, "every": 3, "count": 1}, ema=0.9)
    read, sizes = readings.read, []

    def noted(parts: Parts, steps: Any, stop: bool) -> Any:
        sizes.append(len(steps))
        return read(parts, steps, stop)

    loop.train(same, tmp_path / "each")
    monkeypatch.setattr(loop, "due", lambda recipe, device, step: readings.due(recipe, CUDA, step))
    monkeypatch.setattr(loop, "read", noted)
    loop.train(same, tmp_path / "late")
    assert sizes == [2, 1]
    assert lines(tmp_path / "each") == lines(tmp_path / "late")
    for file in ("model.safetensors", "raw.safetensors"):
        each, late = (load_file(tmp_path / name / "checkpoints/step_00000003" / file) for name in ("each", "late"))
        assert all(torch.equal(each[name], late[name]) for name in each)


def lines(run: Path) -> list[dict[str, Any]]:
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [
        {name: value for name, value in row.items() if name not in ("samples_per_second", "memory_gb", "check")}
        for row in rows
    ]


def test_a_loss_that_is_read_late_names_its_step_and_is_not_kept(
    recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(recipe: Any, parts: Any, state: State, batches: Iterator[Any]) -> dict[str, torch.Tensor]:
        next(batches)
        return {"total": torch.tensor(math.nan if state.step == 1 else 1.0)}

    monkeypatch.setattr(loop, "due", lambda recipe, device, step: readings.due(recipe, CUDA, step))
    monkeypatch.setattr(loop, "one_step", step)
    with pytest.raises(AimkitError, match="the loss is NaN in step 2"):
        loop.train(recipe(log_every=4, checkpoint_every=4), tmp_path)
    assert not (tmp_path / "checkpoints").exists()
    assert json.loads((tmp_path / "failed_step_00000002.json").read_text())["positions"] == [2, 3]


def test_a_gpu_is_read_where_something_is_kept_and_a_cpu_after_each_step(
    recipe: Make, held_out: dict[str, Any]
) -> None:
    same = recipe(steps=11, log_every=4, checkpoint_every=6, validation={**held_out, "every": 5})
    assert [step for step in range(1, 12) if readings.due(same, CUDA, step)] == [4, 5, 6, 8, 10, 11]
    assert all(readings.due(same, CPU, step) for step in range(1, 12))


def test_one_reading_tells_all_processes_of_a_signal_to_one() -> None:
    """The second process was told to stop; the reduction adds the tables of both."""

    def reduce(values: torch.Tensor, kind: str) -> torch.Tensor:
        other = torch.tensor([[3.0, 1.0], [5.0, 1.0]])
        assert kind == "mean"
        return (values + other) / 2

    parts: Any = SimpleNamespace(accelerator=SimpleNamespace(num_processes=2, reduce=reduce))
    steps = [{"total": torch.tensor(1.0)}, {"total": torch.tensor(2.0)}]
    assert readings.read(parts, steps, stop=False) == ([{"total": 2.0}, {"total": 3.5}], True)


def test_batches_are_fetched_ahead_in_order_and_errors_wait_until_they_are_asked_for() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise AimkitError("damaged")

    batches = Ahead(source())
    batches.fetch()
    batches.fetch()
    assert [next(batches), next(batches)] == [1, 2]
    batches.fetch()
    with pytest.raises(AimkitError, match="damaged"):
        next(batches)
    assert list(Ahead(iter("abc"))) == ["a", "b", "c"]


def test_an_average_is_one_kernel_and_counts_with_its_network(recipe: Make) -> None:
    network = build_network(recipe())
    average = MovingAverage(network, 0.9)
    average.update(network)
    with OperationCount() as count:
        average.update(network)
    assert count.kernels.total() == 1
    counters = [buffer for name, buffer in network.named_buffers() if name.endswith("num_batches_tracked")]
    counters[0] += 7
    kept = dict(average.module.named_buffers())
    assert {int(kept[name]) for name, buffer in network.named_buffers() if buffer is counters[0]} == {7}


def test_batch_norms_count_together_and_as_they_do_alone() -> None:
    torch.manual_seed(0)
    together = torch.nn.Sequential(*(torch.nn.BatchNorm2d(3, momentum=m) for m in (0.1, 0.2, None)))
    together.append(torch.nn.BatchNorm2d(3).eval())
    alone = copy.deepcopy(together)
    for _ in range(2):
        x = torch.rand(2, 3, 4, 4)
        with OperationCount() as count, counted_together(together):
            found = together(x)
        assert torch.equal(found, alone(x))
        assert (count.kernels["add_"], count.kernels["_foreach_add_"]) == (1, 1)
    own, wanted = together.state_dict(), alone.state_dict()
    assert own.keys() == wanted.keys()
    assert all(torch.equal(own[name], wanted[name]) for name in wanted)
    with pytest.raises(RuntimeError), counted_together(together):
        raise RuntimeError
    assert together.state_dict().keys() == wanted.keys()


def test_an_unexpected_error_ends_the_data_workers(
    recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its traceback would keep them, and Python waits for them at its end."""
    ended = []

    def loader(*arguments: Any) -> Iterator[int]:
        try:
            yield 1
        finally:
            ended.append(True)

    def step(recipe: Any, parts: Any, state: State, batches: Iterator[Any]) -> Any:
        raise ValueError(f"planted in batch {next(batches)}")

    monkeypatch.setattr(loop, "make_loader", loader)
    monkeypatch.setattr(loop, "one_step", step)
    with pytest.raises(ValueError, match="planted in batch 1") as caught:
        loop.train(recipe(), tmp_path / "run")
    assert caught.tb is not None
    assert ended


def test_out_of_memory_says_what_to_lower(recipe: Make) -> None:
    for error in (torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory: 8 bytes")):
        with pytest.raises(AimkitError, match="out of memory in step 3") as caught, failures_told(recipe(), 3, CPU):
            raise error
        for part in ("lower batch", "accumulate", "checkpoint_activations", "bf16"):
            assert part in caught.value.hint
    with pytest.raises(RuntimeError, match="something else"), failures_told(recipe(), 3, CPU):
        raise RuntimeError("something else")


def test_an_operation_that_is_not_deterministic_is_named(recipe: Make) -> None:
    error = RuntimeError("kthvalue_cuda does not have a deterministic implementation, but you set ...")
    torch.use_deterministic_algorithms(True)
    try:
        with pytest.raises(AimkitError, match="kthvalue_cuda has no deterministic"), failures_told(recipe(), 1, CPU):
            raise error
    finally:
        torch.use_deterministic_algorithms(False)


#: Operations that torch refuses on GPUs when it must be deterministic, besides those that it replaces by others there:
#: bilinear upsampling, and padding that repeats the border.
REFUSED = {"nll_loss2d_forward", "_adaptive_avg_pool2d_backward", "reflection_pad2d_backward", "max_unpool2d", "histc"}


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("aimnet", "mobilenetv3_small_050"),
        *(pytest.param(name, "resnet34_mp", marks=pytest.mark.slow) for name in ("aimnet", "gfm", "p3mnet")),
    ],
)
def test_a_step_can_be_deterministic(name: str, backbone: str, recipe: Make) -> None:
    same = recipe(model={"name": name, "backbone": backbone})
    parts = build(same)
    pending = make_loader(parts.dataset, sampler_of(same, parts, 0, 1))
    torch.use_deterministic_algorithms(True)
    try:
        with OperationCount() as count:
            one_step(same, parts, State(), iter(pending))
    finally:
        torch.use_deterministic_algorithms(False)
    assert not REFUSED & set(count.kernels)


def test_process_0_alone_decides_where_to_resume(recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing of another machine is older: it shows the checkpoint of step 2 and not yet that of step 4."""
    parts: Any = SimpleNamespace(accelerator=SimpleNamespace(num_processes=2, process_index=1))
    monkeypatch.setattr(start, "broadcast_object_list", lambda names: ["step_00000004"])
    old, new = (tmp_path / "checkpoints" / name for name in ("step_00000002", "step_00000004"))
    old.mkdir(parents=True)
    monkeypatch.setenv("RANK", "1")
    assert start.find_start(recipe(), tmp_path, True) is None
    with pytest.raises(AimkitError, match="process 1 can't see the checkpoint"):
        start.agreed(parts, tmp_path, None, patience=0)
    new.mkdir()
    (new / "state.json").write_text("{}")
    assert start.agreed(parts, tmp_path, None) == new
    monkeypatch.setattr(start, "broadcast_object_list", lambda names: [None])
    assert start.agreed(parts, tmp_path, None) is None


def test_each_process_takes_its_part_of_a_batch(recipe: Make) -> None:
    parts: Any = SimpleNamespace(accelerator=SimpleNamespace(num_processes=2, process_index=1))
    assert list(sampler_of(recipe(batch=4), parts, 0, 2)) == [[2, 3], [6, 7]]


def test_a_step_launches_few_kernels_and_moves_few_bytes() -> None:
    """AimNet on resnet34_mp, 16 samples of 512 x 512, bfloat16, without the optimiser: it was 1,739 and 112 GB."""
    cost = step_cost("resnet34_mp", batch=16, size=512)
    assert cost.kernels <= 1060
    assert cost.gigabytes <= 85
    assert cost.tflop == pytest.approx(7.42, rel=0.01)
