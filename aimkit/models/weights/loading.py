"""Finds weights (a file, a run or a zoo entry) and loads them into a network or a backbone."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from aimkit import zoo
from aimkit.digests import check
from aimkit.errors import AimkitError
from aimkit.recipe import expand
from aimkit.storage import stamp
from aimkit.zoo.manifest import find as find_entry

if TYPE_CHECKING:
    from torch import nn

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar")


def load(model: nn.Module, ref: str | os.PathLike[str]) -> None:
    """Load weights into a network or a backbone.

    Args:
        model: Network or backbone, changed in place.
        ref: File, folder of a run or of a checkpoint, or id of a zoo entry.

    Raises:
        AimkitError: The weights are not found or do not fit; nothing is loaded then.
    """
    # Commands look for weights before they import torch.
    from aimkit.models.weights import official
    from aimkit.state_dict import read

    path = find(ref)
    official.load_state_dict(model, read(path), where=str(path))


def find(ref: str | os.PathLike[str]) -> Path:
    """The file of a reference: a file, the best or newest checkpoint of a run, or a zoo entry, pulled if needed.

    Raises:
        AimkitError: The file, run or entry is not found, or the weights of a checkpoint are damaged.
    """
    path = expand(ref)
    if path.is_file():
        return path
    if path.is_dir():
        steps = sorted((path / "checkpoints").glob("step_*"), reverse=True)
        # ".best.old" is all that there is of it while it is replaced, and after a kill in that moment.
        for folder in (path, *(path / "checkpoints" / name for name in ("best", ".best.old")), *steps):
            file = folder / "model.safetensors"
            if file.is_file():
                if (folder / "state.json").is_file():
                    _check(folder / "state.json", stamp(file))
                return file
        raise AimkitError("no checkpoint in this folder", str(path), "name a run, a checkpoint or a weights file")
    if path.suffix in SUFFIXES:
        raise AimkitError("weights file not found", str(path), f"give a file ({', '.join(SUFFIXES)}) or a zoo id")
    return zoo.path(os.fspath(ref))


@lru_cache(maxsize=64)
def _check(record: Path, stamp: str) -> None:
    """Compare the weights of a checkpoint with their digest, once for every file."""
    check(record, ["model.safetensors"], "restore the file from a copy, or name another checkpoint of the run")


def entry_id(ref: str | os.PathLike[str]) -> str:
    """The id of a zoo entry; "default" is the entry that the zoo says is the default.

    Raises:
        AimkitError: The entry is unknown.
    """
    return find_entry(os.fspath(ref)).id
