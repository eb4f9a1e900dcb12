"""Checkpoints of a run, one folder each. A checkpoint is either complete or absent.

``RUN/checkpoints/step_00000500/`` holds ``model.safetensors`` (weights without prefixes, with metadata),
``optimizer.pt`` (loads with ``weights_only``), ``state.json`` (counters, and digests of the other files) and
``recipe.toml`` (resolved, with digest and versions). With a moving average, ``model.safetensors`` is the average and
``raw.safetensors`` the trained weights.
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
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

import aimkit
from aimkit.digests import check, sealed
from aimkit.errors import AimkitError
from aimkit.files import hidden_os_error, own_mark, write_error
from aimkit.models.weights import declared
from aimkit.redact import redact
from aimkit.safetensors_file import write_tensors
from aimkit.train.recipe import TrainRecipe
from aimkit.train.state import State, read_state

WEIGHTS, RAW, OPTIMIZER, STATE = "model.safetensors", "raw.safetensors", "optimizer.pt", "state.json"


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
    # Its mark lets a later start see that nobody will finish it; see aimkit.folder_lock.
    target, temporary = folder / name, folder / f".{name}.{own_mark()}"
    try:
        temporary.mkdir(parents=True)
        write_tensors(_plain(weights), temporary / WEIGHTS, metadata(recipe, state, inference_defaults))
        if raw is not None:
            write_tensors(_plain(raw), temporary / RAW, metadata(recipe, state, inference_defaults))
        torch.save(dict(optimizer), temporary / OPTIMIZER)
        (temporary / "recipe.toml").write_text(recipe_text(recipe), encoding="utf-8")
        record = sealed(asdict(state), temporary, [path.name for path in temporary.iterdir()])
        (temporary / STATE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        for path in temporary.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        _replace(temporary, target)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise write_error(hidden_os_error(error, folder), target, "continue with --resume") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def recover(run: Path) -> None:
    """Finish or undo what a killed process left; the caller holds the lock of the run.

    A folder can't replace another in one step: the old one is moved aside first, and a kill in between leaves it there.
    """
    for aside in (run / "checkpoints").glob(".*.old"):
        target = aside.with_name(aside.name[1:].removesuffix(".old"))
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)
    for unfinished in (run / "checkpoints").glob(".*.part"):  # of earlier versions
        shutil.rmtree(unfinished)


def _replace(temporary: Path, target: Path) -> None:
    aside = target.with_name(f".{target.name}.old")
    if target.exists():
        shutil.rmtree(aside, ignore_errors=True)
        target.rename(aside)
    temporary.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def prune(run: Path, keep: int) -> None:
    """Remove all but the newest checkpoints."""
    for path in sorted((run / "checkpoints").glob("step_*"))[:-keep]:
        # A kill must not leave half of one under its name.
        doomed = path.with_name(f".{path.name}.{own_mark()}")
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


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
    """Read a checkpoint, after its files were compared with their digests.

    Raises:
        AimkitError: A file is missing or damaged.
    """
    state = read_state(path)
    check(path / STATE, hint="remove the checkpoint to resume from the one before")
    try:
        raw = path / RAW
        return Loaded(
            state,
            load_file(path / WEIGHTS),
            load_file(raw) if raw.exists() else None,
            torch.load(path / OPTIMIZER, map_location="cpu", weights_only=True),
        )
    except AimkitError:
        raise
    except Exception as error:
        raise AimkitError(
            f"can't read the checkpoint: {error}", str(path), "remove it to resume from the previous one"
        ) from None


def metadata(recipe: TrainRecipe, state: State, inference_defaults: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Metadata of a weights file: how to build its network, where it comes from, and how to run it."""
    return {
        "format": "aimkit",
        "aimkit": aimkit.__version__,
        "architecture": recipe.model.name,
        "backbone": recipe.model.backbone,
        "options": json.dumps(
            declared.stored(recipe.model.name, recipe.model.backbone, recipe.model.options), sort_keys=True
        ),
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
