"""Photos in, alpha mattes and cut-outs out: strategies, the predictor, and writing many photos.

``Predictor`` and ``Prediction`` are imported when they are first used, since they need PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimkit.predict.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("aimkit.predict.predictor"), name)
    raise AttributeError(f"module 'aimkit.predict' has no attribute '{name}'")
