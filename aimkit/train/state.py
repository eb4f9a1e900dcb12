"""The counters of a run, and where its newest checkpoint is; read without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aimkit.digests import unsealed
from aimkit.json_files import parsed, read_json


@dataclass
class State:
    """Counters of a run.

    Attributes:
        step: Number of finished steps.
        best: Lowest validation MAD so far, or None.
        average: Moving average of the loss, for the guard, or None.
        seconds: Training time over all sessions.
    """

    step: int = 0
    best: float | None = None
    average: float | None = None
    seconds: float = 0.0


def latest(run: Path) -> Path | None:
    """The newest checkpoint of a run, or None."""
    found = sorted((run / "checkpoints").glob("step_*"))
    return found[-1] if found else None


def read_state(path: Path) -> State:
    """The counters of a checkpoint.

    Raises:
        AimkitError: The file is missing or damaged.
    """
    file, hint = path / "state.json", "remove the checkpoint to continue from the previous one"
    content = read_json(file, dict, "state of the checkpoint", hint)
    return parsed(content, lambda row: _checked(State(**unsealed(row))), "state of the checkpoint", str(file), hint)


def recorded_digest(recipe: Path) -> str:
    """The digest in the first line of a run's ``recipe.toml``; what is not UTF-8 in it fits no recipe."""
    with recipe.open("rb") as file:
        return file.readline(200).decode(errors="replace").rstrip("\n").removeprefix("# digest ")


def _checked(state: State) -> State:
    if type(state.step) is not int or state.step < 0:
        raise ValueError("the step is not a number of steps")
    if not all(isinstance(value, int | float | None) for value in (state.best, state.average, state.seconds)):
        raise ValueError("a counter is not a number")
    return state
