"""aimkit: dataset synthesis and a model zoo for automatic image matting.

The names below are imported when they are first used; ``import aimkit`` itself is instant.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"

_PUBLIC = {
    "AimkitError": "aimkit.errors",
    "Foreground": "aimkit.types",
    "ImageType": "aimkit.types",
    "Predictor": "aimkit.predict.predictor",
    "Sample": "aimkit.types",
    "Synthesizer": "aimkit.synth.engine",
    "create_model": "aimkit.models.registry",
    "list_backbones": "aimkit.models.registry",
    "list_models": "aimkit.models.registry",
    "load_recipe": "aimkit.recipe",
    "register_backbone": "aimkit.models.registry",
    "register_model": "aimkit.models.registry",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        # Submodules are reachable without an import of their own: aimkit.matting.trimap.trimap(...)
        try:
            return importlib.import_module(f"aimkit.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"aimkit.{name}":
                raise
            raise AttributeError(f"module 'aimkit' has no attribute '{name}'") from None
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
