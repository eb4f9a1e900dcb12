"""Evaluation: measure alpha mattes against the truth; metrics, averages, protocols, tables and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimkit.evaluate.evaluation import evaluate

__all__ = ["evaluate"]


def __getattr__(name: str) -> Any:
    # Imported on first use, since recipes of evaluations are also read where nothing is measured.
    if name == "evaluate":
        from aimkit.evaluate.evaluation import evaluate

        return evaluate
    raise AttributeError(f"module 'aimkit.evaluate' has no attribute '{name}'")
