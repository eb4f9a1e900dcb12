"""Digests of what results depend on: a network's weights, independent of their file, and the package's code."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def state_digest(model: nn.Module) -> str:
    """SHA-256, hex, over the names, dtypes, shapes and values of a network's state dict."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)};".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """SHA-256, hex, over the package's Python files and their names, relative to the package."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package).as_posix()} {len(content)};".encode() + content)
    return digest.hexdigest()
