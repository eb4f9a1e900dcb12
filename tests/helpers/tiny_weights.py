"""A weights file of a few numbers, with the metadata that aimkit writes."""

from __future__ import annotations

from pathlib import Path

import torch

from aimkit.publish.convert import save


def tiny_weights(folder: Path) -> bytes:
    """Write ``w.safetensors`` into the folder and return its bytes."""
    path = folder / "w.safetensors"
    metadata = {"architecture": "aimnet", "backbone": "resnet10t", "options": '{"width": 4, "fusion": "soft"}'}
    save({"conv.weight": torch.arange(6.0).reshape(2, 3)}, path, metadata)
    return path.read_bytes()
