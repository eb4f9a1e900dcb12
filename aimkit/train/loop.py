"""The training loop. The recipe determines a run: it can stop after any step and resume with the same result."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from aimkit import console
from aimkit.data.ahead import Ahead
from aimkit.data.loader import make_loader
from aimkit.files import write_bytes
from aimkit.folder_lock import clean_leftovers, locked
from aimkit.train import checkpoint, drawn, provenance
from aimkit.train.failures import failures_told
from aimkit.train.log import Log
from aimkit.train.optim import set_learning_rate
from aimkit.train.readings import due, guard, read
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, build, open_streams, sampler_of, with_options_of_weights
from aimkit.train.start import agreed, find_start, is_main, restore
from aimkit.train.state import State
from aimkit.train.step import one_step
from aimkit.train.validation import validate
from aimkit.train.verify import seal


def train(recipe: TrainRecipe, run: Path, resume: bool | str = False) -> State:
    """Train a network.

    Args:
        recipe: Recipe of the run.
        run: Folder for checkpoints, log and pages.
        resume: False starts a new run and refuses a folder that already has one; True resumes from the newest
            checkpoint and refuses a folder without one; "auto" resumes if it can, else starts.

    Returns:
        The counters at the end. ``state.step < recipe.steps`` when the run was interrupted by a signal.

    Raises:
        AimkitError: The recipe or the folder is wrong, memory is used up, or the loss becomes NaN or infinite.
    """
    recipe = with_options_of_weights(recipe)
    find_start(recipe, run, resume)
    with _locked(run):
        return _train(recipe, run, resume)


def _train(recipe: TrainRecipe, run: Path, resume: bool | str) -> State:
    # Again, since another process may have finished a checkpoint before this one held the lock.
    newest = find_start(recipe, run, resume)
    open_streams(recipe)
    parts = build(recipe, run)
    newest = agreed(parts, run, newest)
    state = restore(parts, newest) if newest else State()
    if parts.accelerator.is_main_process:
        kept = drawn.record(recipe, run)
        write_bytes(run / "recipe.toml", checkpoint.recipe_text(recipe).encode())
        provenance.write(recipe, run)
        seal(run, [run / "recipe.toml", run / provenance.NAME, *kept])
        # The process before may have been killed between a checkpoint and the removal of an older one.
        checkpoint.prune(run, recipe.keep)
    loader = make_loader(parts.dataset, sampler_of(recipe, parts, state.step, recipe.steps), recipe.data.workers)
    # Closed even after an error, whose traceback would keep the workers alive, and these the process.
    with Log(recipe, run, parts, state) as log, stop_on_signal() as stop, closing(loader):
        batches = Ahead(loader)
        if state.step == 0 and recipe.model.init and recipe.validation.data is not None:
            # What the weights score before they are trained. It is no checkpoint, so it can't be the best.
            log.scores(state, validate(recipe, parts, run, 0), counts=False)
        stopped = False
        while state.step < recipe.steps and not (stopped or _told_alone(parts, stop)):
            stopped = _up_to_a_reading(recipe, parts, state, batches, log, stop)
            last = state.step == recipe.steps
            if recipe.validation.data is not None and (last or state.step % recipe.validation.every == 0):
                scores = validate(recipe, parts, run, state.step)
                log.scores(state, scores)
                if state.best is None or scores["mad"] < state.best:
                    state.best = scores["mad"]
                    write(recipe, parts, state, run, "best")
            if last or state.step % recipe.checkpoint_every == 0:
                write(recipe, parts, state, run)
        if state.step < recipe.steps:
            write(recipe, parts, state, run)
            if parts.accelerator.is_main_process:
                console.info(f"stopped after step {state.step}; resume with: aimkit train --resume {run}")
    parts.accelerator.end_training()
    return state


def _up_to_a_reading(
    recipe: TrainRecipe, parts: Parts, state: State, batches: Ahead, log: Log, stop: list[int]
) -> bool:
    """Take steps until the loss is due to be read, and read it; returns whether any process was told to stop."""
    device, begin = parts.accelerator.device, time.monotonic()
    taken, rates = list[dict[str, Tensor]](), list[float]()
    while not taken or not (due(recipe, device, state.step) or _told_alone(parts, stop)):
        rates.append(set_learning_rate(parts.optimizer, recipe.optim, state.step, recipe.steps))
        with failures_told(recipe, state.step + 1, device):
            taken.append(one_step(recipe, parts, state, batches))
        state.step += 1
    if device.type != "cpu":
        batches.fetch()
    rows, stopped = read(parts, taken, bool(stop))
    state.seconds += time.monotonic() - begin
    for step, terms in enumerate(rows, state.step - len(rows) + 1):
        guard(recipe, state, step, terms, log.run)
    log.steps(state, [{**terms, "lr": rate} for terms, rate in zip(rows, rates, strict=True)])
    return stopped


def _told_alone(parts: Parts, stop: list[int]) -> bool:
    """Whether the only process of a run was told to stop; several have to agree first."""
    return bool(stop) and parts.accelerator.num_processes == 1


def write(recipe: TrainRecipe, parts: Parts, state: State, run: Path, name: str = "") -> None:
    """Write a checkpoint; only the main process writes."""
    parts.accelerator.wait_for_everyone()
    if parts.accelerator.is_main_process:
        scaler = parts.accelerator.scaler
        checkpoint.save(
            run,
            name or f"step_{state.step:08d}",
            state,
            recipe,
            parts.evaluated.state_dict(),
            None if parts.average is None else parts.network.state_dict(),
            {"optimizer": parts.optimizer.state_dict(), "scaler": {} if scaler is None else scaler.state_dict()},
            parts.network.inference_defaults,
        )
        checkpoint.prune(run, recipe.keep)
    parts.accelerator.wait_for_everyone()


@contextmanager
def _locked(run: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, as its main process; a folder that stays empty is removed."""
    if not is_main():
        yield
        return
    try:
        with locked(run, "train"):
            checkpoint.recover(run)
            clean_leftovers(run)
            yield
    finally:
        with suppress(OSError):
            run.rmdir()


@contextmanager
def stop_on_signal() -> Iterator[list[int]]:
    """Let SIGTERM and Ctrl-C end the run after the current step; a second one ends it at once."""
    caught: list[int] = []

    def note(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
