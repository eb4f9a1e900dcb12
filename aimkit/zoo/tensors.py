"""A digest of the tensors of a checkpoint that does not depend on its file format."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(path: Path) -> str:
    """SHA-256, hex, over names, shapes and values of a file's tensors, sorted by name.

    The names are those of :func:`aimkit.state_dict.read`, so the same weights have one digest as safetensors and as a
    PyTorch file, and under the names of either package. Values are compared as float32. Batch counters of batch norm
    are left out, since not every file has them.

    Raises:
        AimkitError: The file can't be read.
    """
    from aimkit.state_dict import read

    result = hashlib.sha256()
    tensors = read(path, quiet=True)
    for name in sorted(tensors):
        if not name.endswith("num_batches_tracked"):
            values = tensors[name].detach().float().contiguous()
            result.update(f"{name} {tuple(values.shape)};".encode())
            result.update(values.numpy().data)
    return result.hexdigest()
