"""Torch datasets over samples: made on the fly, written, or read from folders; transforms; the resumable sampler.

For a training loop of your own, ``dataset`` opens a recipe or a folder as a ``torch.utils.data.Dataset``, and
``to_device`` converts a batch for the network and the losses. The names below are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "MattingDataset": "aimkit.data.matting_dataset",
    "dataset": "aimkit.data.matting_dataset",
    "to_device": "aimkit.data.loader",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'aimkit.data' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
