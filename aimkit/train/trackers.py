"""Trackers of a run (TensorBoard, W&B, MLflow, Trackio), through accelerate."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator
from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from aimkit.errors import AimkitError
from aimkit.offline import is_offline

Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]
#: Project that the runs of servers are kept under.
PROJECT = "aimkit"
_EXTRAS = ("tensorboard",)
#: Variables by which users say where a tracker keeps its runs; the first one names a local place.
_PLACES = {"mlflow": ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"), "trackio": ("TRACKIO_DIR", "TRACKIO_SPACE_ID")}
#: Variables that are set for the time of a run.
_SET: set[str] = set()


def require(names: Sequence[Tracker]) -> None:
    """Check that the packages of trackers are installed.

    Raises:
        AimkitError: One is not.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            package = f"'aimkit[{name}]'" if name in _EXTRAS else name
            raise AimkitError(f"{name} is not installed", "trackers", f"pip install {package}")


def start(
    accelerator: Accelerator, names: Sequence[Tracker], run: Path, recipe: Mapping[str, Any], first_step: int
) -> None:
    """Start the trackers of a run, in the main process; :func:`finish` closes them.

    Without a network (``AIMKIT_OFFLINE=1``) W&B writes into the run's folder alone. MLflow and Trackio write into the
    run's folder too, unless the environment names their place or server.

    Args:
        accelerator: It keeps the trackers; its ``log`` writes to them.
        names: Names of the trackers.
        run: Folder of the run.
        recipe: The resolved recipe, credentials masked, which servers show beside the curves.
        first_step: First step that will be logged. A resumed run drops later points where the tracker can.

    Raises:
        AimkitError: A tracker can't be started.
    """
    options: dict[str, dict[str, Any]] = {
        "tensorboard": {"purge_step": first_step},
        "wandb": {"dir": str(run), "name": run.name, **({"mode": "offline"} if is_offline() else {})},
        "mlflow": {"run_name": run.name},
        "trackio": {"name": run.name},
    }
    for name in names:
        try:
            options[name] |= _in_run(name, run)
            if name == "tensorboard":
                # Its files lie beside the run's own, in a folder of this name.
                tracker = LOGGER_TYPE_TO_CLASS[name](name, str(run), **options[name])
            else:
                tracker = LOGGER_TYPE_TO_CLASS[name](PROJECT, **options[name])
            # Earlier versions of accelerate start when they are constructed.
            getattr(tracker, "start", lambda: None)()
            accelerator.trackers.append(tracker)
            if name != "tensorboard":
                tracker.store_init_configuration(flat(recipe))
        except Exception as error:  # Each tracker raises its own errors.
            reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
            _restore()
            hint = "log in, or leave it out of trackers"
            raise AimkitError(f"can't start {name}: {reason}", "trackers", hint, exit_code=1) from None


def finish(accelerator: Accelerator) -> None:
    """Close the trackers, so that nothing is left unwritten."""
    try:
        for tracker in accelerator.trackers:
            tracker.finish()
    finally:
        accelerator.trackers = []
        _restore()


def _in_run(name: Tracker, run: Path) -> dict[str, str]:
    """Put a tracker's files into the folder of a run, if the user says nothing else; options that it needs for that.

    Both packages take their place from the environment alone: MLflow whenever it is used, Trackio when it is imported.
    """
    variables = _PLACES.get(name, ())
    if not variables or any(os.environ.get(variable) for variable in variables):
        return {}
    folder = (run / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[variables[0]] = str(folder) if name == "trackio" else f"sqlite:///{(folder / 'mlflow.db').as_posix()}"
    _SET.add(variables[0])
    return {"logging_dir": (folder / "artifacts").as_uri()} if name == "mlflow" else {}


def _restore() -> None:
    """Forget the places of a run, which the next run of this process must not use."""
    while _SET:
        os.environ.pop(_SET.pop(), None)


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested table with dotted keys; lists become texts, since servers show single values."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value if isinstance(value, str | int | float) else str(value)
    return found
