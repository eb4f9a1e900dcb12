"""The counters of batch norms, incremented together: one by one they take a kernel each, 71 in a step of AimNet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def counted_together(network: nn.Module) -> Iterator[None]:
    """Let the batch norms of a network count one forward pass with one kernel, when it is over.

    Norms without momentum compute with their counter, and synchronised ones insist on it: they count for themselves.
    """
    norms = {module: module.num_batches_tracked for module in network.modules() if _counts_alone(module)}
    counters = [counter for counter in norms.values() if counter is not None]
    for module in norms:
        module.num_batches_tracked = None
    try:
        yield
        if counters:
            with torch.no_grad():
                torch._foreach_add_(counters, 1)
    finally:
        for module, counter in norms.items():
            module.num_batches_tracked = counter


def _counts_alone(module: nn.Module) -> TypeGuard[_BatchNorm]:
    """Whether a module is a batch norm that learns, and whose counter nothing depends on."""
    return (
        isinstance(module, _BatchNorm)
        and not isinstance(module, nn.SyncBatchNorm)
        and module.training
        and module.momentum is not None
    )
