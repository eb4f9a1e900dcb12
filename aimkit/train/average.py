"""The moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """An exponential moving average of the weights and statistics of a network.

    The decay starts at 0.1 and rises as (1 + n) / (10 + n) with the n-th update. At the full decay from the start, the
    average of a short run would still contain the untrained network: a fifth of it after 1500 steps of 0.999.

    Args:
        network: The network, on its device.
        decay: Largest decay, in (0, 1).

    Attributes:
        module: Copy of the network with the averaged weights. Its counters, such as the number of batches that a batch
            norm has seen, are the network's own.
        updates: Number of updates.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.module, self.decay, self.updates = copy.deepcopy(network), decay, 0
        for own, other in zip(self.module.modules(), network.modules(), strict=True):
            for name, buffer in other.named_buffers(recurse=False):
                if not buffer.is_floating_point():
                    own._buffers[name] = buffer

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Average in place: average = decay * average + (1 - decay) * weights; the first update copies."""
        averages, weights = _floating(self.module), _floating(network)
        if self.updates:
            decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
            torch._foreach_lerp_(averages, weights, 1 - decay)
        else:
            torch._foreach_copy_(averages, weights)
        self.updates += 1


def _floating(network: nn.Module) -> list[torch.Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers()) if tensor.is_floating_point()]
