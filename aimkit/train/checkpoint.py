"""Checkpoints of a run, one folder each. A checkpoint is either complete or absent.

``RUN/checkpoints/step_00000500/`` holds ``model.safetensors`` (weights without prefixes, with metadata),
``optimizer.pt`` (loads with ``weights_only``), ``state.json`` (counters) and ``recipe.toml`` (resolved, with digest and
versions). With a moving average, ``model.safetensors`` is the average and ``raw.safetensors`` the trained weights.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import aimkit
from aimkit.errors import AimkitError
from aimkit.redact import redact
from aimkit.train.recipe import TrainRecipe
from aimkit.train.state import State, read_state


def save(
    run: Path,
    name: str,
    state: State,
    recipe: TrainRecipe,
    weights: Mapping[str, Tensor],
    raw: Mapping[str, Tensor] | None,
    optimizer: Mapping[str, Any],
    inference_defaults: Mapping[str, Any] | None = None,
) -> Path:
    """Write a checkpoint under a temporary name and rename it when it is complete.

    Args:
        run: Folder of the run.
        name: ``step_...`` or ``best``.
        state: Counters of the run.
        recipe: Recipe of the run.
        weights: State dict to use: the moving average, or the trained weights.
        raw: Trained weights, when ``weights`` is the moving average.
        optimizer: State dicts of the optimiser and the gradient scaler.
        inference_defaults: Inference strategy and options to record with the weights.

    Raises:
        AimkitError: The disk is full or not writable. Earlier checkpoints are kept.
    """
    folder = run / "checkpoints"
    target, temporary = folder / name, folder / f".{name}.part"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_file(_plain(weights), temporary / "model.safetensors", metadata(recipe, state, inference_defaults))
        if raw is not None:
            save_file(_plain(raw), temporary / "raw.safetensors", metadata(recipe, state, inference_defaults))
        torch.save(dict(optimizer), temporary / "optimizer.pt")
        (temporary / "state.json").write_text(json.dumps(asdict(state), indent=1) + "\n")
        (temporary / "recipe.toml").write_text(recipe_text(recipe))
        for path in temporary.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        if target.exists():
            # A folder can't replace another in one step, so the old one is moved aside first.
            aside = folder / f".{name}.old"
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
            temporary.rename(target)
            shutil.rmtree(aside)
        else:
            temporary.rename(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise AimkitError(
            f"can't write the checkpoint: {error.strerror}",
            str(target),
            "earlier checkpoints are complete",
            exit_code=1,
        ) from None
    return target


def prune(run: Path, keep: int) -> None:
    """Remove all but the newest checkpoints, and the leftovers of interrupted writes."""
    for path in sorted((run / "checkpoints").glob("step_*"))[:-keep]:
        shutil.rmtree(path)
    for path in (run / "checkpoints").glob(".*.part"):
        shutil.rmtree(path)


@dataclass
class Loaded:
    """A checkpoint in memory.

    Attributes:
        state: Counters of the run.
        weights: State dict to use: the moving average, or the trained weights.
        raw: Trained weights, when ``weights`` is the moving average.
        optimizer: State dicts of the optimiser and the gradient scaler.
    """

    state: State
    weights: dict[str, Tensor]
    raw: dict[str, Tensor] | None
    optimizer: dict[str, Any]


def load(path: Path) -> Loaded:
    """Read a checkpoint.

    Raises:
        AimkitError: A file is missing or damaged.
    """
    try:
        raw = path / "raw.safetensors"
        return Loaded(
            read_state(path),
            load_file(path / "model.safetensors"),
            load_file(raw) if raw.exists() else None,
            torch.load(path / "optimizer.pt", map_location="cpu", weights_only=True),
        )
    except AimkitError:
        raise
    except Exception as error:
        raise AimkitError(
            f"can't read the checkpoint: {error}", str(path), "remove it to resume from the one before"
        ) from None


def metadata(recipe: TrainRecipe, state: State, inference_defaults: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Metadata of a weights file: how to build its network, where it comes from, and how to run it."""
    return {
        "format": "aimkit",
        "aimkit": aimkit.__version__,
        "architecture": recipe.model.name,
        "backbone": recipe.model.backbone,
        "options": json.dumps(recipe.model.options, sort_keys=True),
        "stage": recipe.stage,
        "init": recipe.model.init or "",
        "recipe": recipe.digest(),
        "seed": str(recipe.seed),
        "step": str(state.step),
        **({"predict": json.dumps(dict(inference_defaults), sort_keys=True)} if inference_defaults else {}),
    }


def recipe_text(recipe: TrainRecipe) -> str:
    """The resolved recipe as TOML, under its digest and the versions of aimkit, torch, timm and Python."""
    import timm

    versions = f"aimkit {aimkit.__version__}, torch {torch.__version__}, timm {timm.__version__}"
    head = f"# digest {recipe.digest()}\n# {versions}, python {platform.python_version()}\n"
    return head + redact(tomli_w.dumps(recipe.resolved()))


def _plain(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, each with its own memory, since safetensors refuses shared memory."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in weights.items()}
