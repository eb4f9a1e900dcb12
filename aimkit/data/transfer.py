"""How batches come from the workers that make them: through shared memory, or through pipes where that is too small.

Torch moves a tensor to shared memory while it is being sent, in a thread whose errors nobody hears: the batch is lost
and training waits for it for ever. Containers often have no more than 64 MB of it, the size of one or two batches. So
the workers move the tensors themselves; when that fails, they send plain arrays.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aimkit import console
from aimkit.types import Array

SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class PipedTensor:
    """A tensor as the array that goes through a pipe, of the same shape and dtype."""

    array: Array


@dataclass(frozen=True)
class PipedBatch:
    """A batch that did not fit into shared memory.

    Attributes:
        content: The batch with a :class:`PipedTensor` in place of each tensor.
        size: Bytes of the tensors.
    """

    content: Any
    size: int


def shared(batch: Any) -> Any:
    """Move the tensors of a batch to shared memory, in a worker; a :class:`PipedBatch` when they don't fit."""
    sizes: list[int] = []

    def piped(tensor: Tensor) -> PipedTensor:
        sizes.append(tensor.nbytes)
        return PipedTensor(tensor.numpy())

    try:
        return _mapped(batch, Tensor, lambda tensor: tensor.share_memory_())
    except (RuntimeError, OSError):
        content = _mapped(batch, Tensor, piped)
        return PipedBatch(content, sum(sizes))


def received(batch: Any) -> Any:
    """The batch that :func:`shared` was given."""
    if not isinstance(batch, PipedBatch):
        return batch
    return _mapped(batch.content, PipedTensor, lambda piped: torch.from_numpy(piped.array))


def warn_small(batch: PipedBatch, ahead: int) -> None:
    """Say that batches go through pipes, and how much shared memory ``ahead`` batches need."""
    try:
        has = f"{shutil.disk_usage(SHARED_MEMORY).total / 1e6:.0f} MB"
    except OSError:
        has = "nothing"
    needed = batch.size * ahead
    console.warn(
        f"shared memory is too small: {SHARED_MEMORY} has {has}, {ahead} batches of {batch.size / 1e6:.1f} MB need"
        f" {needed / 1e6:.0f} MB. The batches go through pipes instead, which is slower; in a container, start Docker"
        f" with --shm-size={max(1, -(-needed // 2**30))}g, or lower data.workers"
    )


def _mapped(content: Any, kind: type, function: Callable[[Any], Any]) -> Any:
    """The content with a function applied to all values of a type, in dictionaries, lists and dataclasses."""
    if isinstance(content, kind):
        return function(content)
    if isinstance(content, dict):
        return {key: _mapped(value, kind, function) for key, value in content.items()}
    if isinstance(content, list):
        return [_mapped(value, kind, function) for value in content]
    if is_dataclass(content) and not isinstance(content, type):
        names = [one.name for one in fields(content)]
        return replace(content, **{name: _mapped(getattr(content, name), kind, function) for name in names})
    return content
