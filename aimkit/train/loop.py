"""The training loop. The recipe determines a run: it can stop after any step and resume with the same result."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from aimkit import console
from aimkit.data.loader import make_loader, to_device
from aimkit.data.sampler import PositionSampler
from aimkit.datasets.lock import differences
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.folder_lock import clean_leftovers, locked
from aimkit.rng import rng
from aimkit.toml_files import read_toml
from aimkit.train import checkpoint, drawn, objectives, provenance
from aimkit.train.activations import counted_once
from aimkit.train.log import Log
from aimkit.train.losses import semantic_scores
from aimkit.train.optim import set_learning_rate
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, build, network_input, open_streams, train_mode
from aimkit.train.state import State, latest, read_state, recorded_digest
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
        AimkitError: The recipe or the folder is wrong, or the loss becomes NaN or infinite.
    """
    find_start(recipe, run, resume)
    with _locked(run):
        return _train(recipe, run, resume)


def _train(recipe: TrainRecipe, run: Path, resume: bool | str) -> State:
    # Again, since another process may have finished a checkpoint before this one held the lock.
    newest = find_start(recipe, run, resume)
    open_streams(recipe)
    parts = build(recipe, run)
    state = restore(parts, newest) if newest else State()
    if parts.accelerator.is_main_process:
        kept = drawn.record(recipe, run)
        write_bytes(run / "recipe.toml", checkpoint.recipe_text(recipe).encode())
        provenance.write(recipe, run)
        seal(run, [run / "recipe.toml", run / provenance.NAME, *kept])
        # The process before may have been killed between a checkpoint and the removal of an older one.
        checkpoint.prune(run, recipe.keep)
    with Log(recipe, run, parts, state) as log, stop_on_signal() as stop:
        sampler = PositionSampler(
            state.step,
            recipe.steps,
            recipe.batch,
            process=parts.accelerator.process_index,
            processes=parts.accelerator.num_processes,
            accumulate=recipe.accumulate,
        )
        batches = iter(make_loader(parts.dataset, sampler, recipe.data.workers))
        if state.step == 0 and recipe.model.init and recipe.validation.data is not None:
            # What the weights score before they are trained. It is no checkpoint, so it can't be the best.
            log.scores(state, validate(recipe, parts, run, 0), counts=False)
        while state.step < recipe.steps and not _any(parts, stop):
            start = time.monotonic()
            rate = set_learning_rate(parts.optimizer, recipe.optim, state.step, recipe.steps)
            terms = one_step(recipe, parts, state, batches, run)
            state.step += 1
            state.seconds += time.monotonic() - start
            log.step(state, {**terms, "lr": rate})
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


def one_step(
    recipe: TrainRecipe, parts: Parts, state: State, batches: Iterator[dict[str, Any]], run: Path
) -> dict[str, float]:
    """Take one step of the optimiser over all accumulated batches, and return the mean of every loss term."""
    accelerator, sums = parts.accelerator, dict[str, Any]()
    train_mode(parts.network, recipe, state.step)
    # Dropout and stochastic depth are seeded by the step, so checkpoints need no random state.
    torch.manual_seed(int(rng(recipe.seed, "step", state.step, accelerator.process_index).integers(2**63)))
    for _ in range(recipe.accumulate):
        batch = to_device(next(batches), accelerator.device)
        with accelerator.accumulate(parts.model):
            with accelerator.autocast():
                output = forward(recipe, parts, batch["image"])
            terms = compute_losses(recipe, parts, output, batch)
            with counted_once(parts.network.backbone, recipe.model.checkpoint_activations):
                accelerator.backward(terms["total"])
            if recipe.optim.clip is not None and accelerator.sync_gradients:
                accelerator.clip_grad_norm_(parts.model.parameters(), recipe.optim.clip)
            parts.optimizer.step()
            parts.optimizer.zero_grad()
        terms |= semantic_scores(output.semantic, batch["label"], parts.network.classes)
        for name, value in terms.items():
            sums[name] = sums.get(name, 0) + value.detach().float() / recipe.accumulate
    if parts.average is not None:
        parts.average.update_parameters(parts.network)
    means = {name: float(value) for name, value in accelerator.reduce(sums, "mean").items()}
    guard(recipe, state, means, run)
    return means


def forward(recipe: TrainRecipe, parts: Parts, image: Any) -> Any:
    """The network's output for a batch of images, (B, 3, H, W) in [0, 1]."""
    try:
        return parts.model(network_input(parts.network, image, recipe.channels_last))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        what = f"batch norm has a single value to learn from: {len(image)} sample of {image.shape[-1]} pixels"
        hint = "set model.freeze_norm=true, or raise batch or data.transform.size"
        raise AimkitError(what, f"batch = {recipe.batch}", hint) from None


def compute_losses(recipe: TrainRecipe, parts: Parts, output: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """The loss terms of the architecture's objective, and ``total``, their weighted sum."""
    table = recipe.model
    weights = objectives.term_weights(table.name, recipe.stage, table.options, recipe.weights)
    return objectives.compute(
        table.name, parts.network, output, batch, weights, stage=recipe.stage, parity=recipe.parity
    )


def guard(recipe: TrainRecipe, state: State, terms: dict[str, float], run: Path) -> None:
    """Stop when the loss of the current step is NaN, infinite or jumps, and write its samples to a file."""
    total, average = terms["total"], state.average
    exploded = average is not None and state.step > 20 and total > recipe.guard * average
    if math.isfinite(total) and not exploded:
        state.average = total if average is None else 0.98 * average + 0.02 * total
        return
    step = state.step + 1
    dump = run / f"failed_step_{step:08d}.json"
    positions = list(range(state.step * recipe.batch, step * recipe.batch))
    content = {"step": step, "terms": terms, "average": average, "positions": positions}
    write_bytes(dump, json.dumps(content, indent=1).encode())
    value = "NaN" if math.isnan(total) else f"{total:g}"
    what = f"the loss jumped to {total:.3g}, its average is {average:.3g}" if exploded else f"the loss is {value}"
    raise AimkitError(
        f"{what} in step {step}",
        str(dump),
        "the file lists its terms and samples; start a new run with a lower optim.lr or with optim.clip=1",
        exit_code=1,
    )


def find_start(recipe: TrainRecipe, run: Path, resume: bool | str) -> Path | None:
    """The checkpoint to resume from, None for a new run.

    Raises:
        AimkitError: ``resume`` does not fit the folder, or the run was started with another recipe.
    """
    newest = latest(run)
    if resume is False and newest is not None:
        raise AimkitError("the folder already has a run", str(run), f"use --resume {run}, or another folder with -o")
    if resume is True and newest is None:
        raise AimkitError("no checkpoint to resume from", str(run), "start the run with: aimkit train RECIPE -o RUN")
    if newest is not None and recorded_digest(newest / "recipe.toml") != recipe.digest():
        _check_extended(recipe, newest, extends=resume is True)
    return newest


def _check_extended(recipe: TrainRecipe, newest: Path, *, extends: bool) -> None:
    """Raise unless a recipe differs from that of a checkpoint in nothing but more steps."""
    old = read_toml(newest / "recipe.toml")
    free = recipe.outside_digest
    changed = [line for line in differences(old, recipe.resolved()) if line.split(":")[0] not in free]
    done = read_state(newest).step
    if extends and [line.split(":")[0] for line in changed] == ["steps"] and recipe.steps >= done:
        console.warn(
            f"the run now ends after {recipe.steps} steps, not {old['steps']}; so does its learning-rate schedule"
        )
        return
    lines = [line.replace(" in the dataset, ", " in the run, ") for line in changed[:12]]
    what = "the run was started with another recipe" + "".join(f"\n  {line}" for line in lines)
    hint = "use another folder with -o" + ("; only steps may be changed, with --resume" if extends else "")
    raise AimkitError(what, f"{newest}/recipe.toml", hint)


def restore(parts: Parts, path: Path) -> State:
    """Load a checkpoint into the parts of a run, and return its counters."""
    loaded = checkpoint.load(path)
    parts.network.load_state_dict(loaded.weights if loaded.raw is None else loaded.raw)
    parts.optimizer.load_state_dict(loaded.optimizer["optimizer"])
    if parts.accelerator.scaler is not None:
        parts.accelerator.scaler.load_state_dict(loaded.optimizer["scaler"])
    if parts.average is not None:
        parts.average.module.load_state_dict(loaded.weights)
        parts.average.n_averaged.fill_(loaded.state.step)
    return loaded.state


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
    if os.environ.get("RANK", "0") != "0":
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


def _any(parts: Parts, stop: list[int]) -> bool:
    """Whether any process got a signal to stop; all processes must agree on the last step."""
    if parts.accelerator.num_processes == 1:
        return bool(stop)
    flag = torch.tensor(float(bool(stop)), device=parts.accelerator.device)
    return float(parts.accelerator.reduce(flag, "sum")) > 0
