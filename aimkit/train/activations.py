"""Activation checkpointing: compute the backbone's activations again in the backward pass instead of keeping them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from aimkit.errors import AimkitError


def recompute(backbone: nn.Module) -> None:
    """Turn on activation checkpointing: block by block where timm's architecture can, else for the whole backbone.

    Block by block, the activations of one block exist at a time. For the whole backbone all of them do, but only after
    those of the decoders are freed.
    """
    own = getattr(backbone, "set_grad_checkpointing", None)
    if own is not None:
        try:
            own()
            return
        except AimkitError:
            pass
    # A bound method, not a closure: a copy of the network, such as the moving average, must call its own backbone.
    backbone.forward = MethodType(_forward, backbone)


@contextmanager
def counted_once(backbone: nn.Module, recomputed: bool) -> Iterator[None]:
    """Keep a recomputed backbone's second forward pass out of its batch-norm statistics."""
    buffers = list(backbone.buffers()) if recomputed else []
    kept = [buffer.clone() for buffer in buffers]
    yield
    with torch.no_grad():
        for buffer, value in zip(buffers, kept, strict=True):
            buffer.copy_(value)


def _forward(backbone: nn.Module, image: Any) -> Any:
    return checkpoint(type(backbone).forward, backbone, image, use_reentrant=False)
