from __future__ import annotations

import os
import re
from typing import Any

import pytest
import torch

from aimkit.data.loader import _of_workers, make_loader
from aimkit.data.sampler import PositionSampler
from aimkit.errors import AimkitError


class Samples:
    """Tiny samples; the one at a position does what it is told."""

    device_compositing = False

    def __init__(self, at: int, then: str) -> None:
        self.at, self.then = at, then

    def __getitem__(self, position: int) -> dict[str, Any]:
        if position == self.at and self.then == "die":
            os._exit(9)
        if position == self.at:
            raise AimkitError("the photo is cut short", "photos/a.jpg", "copy it again", exit_code=1)
        return {"image": torch.full((3, 4, 4), position, dtype=torch.uint8), "position": position}


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_sample_raises_is_the_error_that_one_sees(workers: int) -> None:
    batches = make_loader(Samples(5, "raise"), PositionSampler(0, 4, 2), workers)  # type: ignore[arg-type]
    assert next(batches)["position"].tolist() == [0, 1]
    with pytest.raises(AimkitError) as caught:
        list(batches)
    assert (caught.value.what, caught.value.where) == ("the photo is cut short", "photos/a.jpg")
    assert (caught.value.hint, caught.value.exit_code) == ("copy it again", 1)


def test_a_worker_that_is_killed_is_one_clear_error() -> None:
    batches = make_loader(Samples(5, "die"), PositionSampler(0, 40, 2), 1)  # type: ignore[arg-type]
    with pytest.raises(AimkitError, match="lack of memory") as caught:
        list(batches)
    assert caught.value.where == "data.workers"


@pytest.mark.parametrize(
    ("text", "told", "to_do"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", "process 7, was killed .* lack of memory", "batch"),
        ("DataLoader worker (pid 7) is killed by signal: Aborted. ", "process 7, .* signal 'Aborted'$", "--resume"),
        ("DataLoader worker (pid(s) 71) exited unexpectedly", "ended unexpectedly", "data.workers=0"),
        ("DataLoader timed out after 1800 seconds", "no data worker .* 30 minutes", "sources"),
    ],
)
def test_what_became_of_a_worker_is_told_with_what_to_do(text: str, told: str, to_do: str) -> None:
    problem = _of_workers(text)
    assert problem is not None
    assert re.search(told, problem.what)
    assert problem.exit_code == 1
    assert to_do in problem.hint


def test_other_errors_are_not_taken_for_those_of_workers() -> None:
    assert _of_workers("size mismatch for conv1.weight") is None


def test_batches_that_differ_in_size_are_refused() -> None:
    class Growing(Samples):
        def __getitem__(self, position: int) -> dict[str, Any]:
            return {"image": torch.zeros(3, 4 + position, 4), "position": position}

    with pytest.raises(AimkitError, match="differ in size"):
        list(make_loader(Growing(0, ""), PositionSampler(0, 1, 2)))  # type: ignore[arg-type]
