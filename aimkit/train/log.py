"""The log of a run: a live line, ``metrics.jsonl``, trackers, and the page."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from aimkit import console, journal
from aimkit.data.device.batch import division
from aimkit.errors import AimkitError
from aimkit.files import write_bytes, write_error
from aimkit.train import trackers
from aimkit.train.live import LiveView, clock
from aimkit.train.metrics_file import read
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts
from aimkit.train.state import State


class Log:
    """Writes the log of a run, in the main process only; a context manager.

    Each line of ``metrics.jsonl`` is ``{"kind": "train" or "val", "step": ..., name: value, ..., "check": ...}``;
    training lines hold the means since the line before; the check is the line's, see :mod:`aimkit.journal`. A resumed
    run drops the lines after its first step.
    """

    def __init__(self, recipe: TrainRecipe, run: Path, parts: Parts, state: State) -> None:
        self.recipe, self.run, self.parts = recipe, run, parts
        self.path = run / "metrics.jsonl"
        self._sums: dict[str, float] = {}
        self._count = 0
        self._since = time.monotonic()
        self._start_step = state.step
        self._begin, self._begin_step = time.monotonic(), state.step
        self._file: Any = None
        self._live: LiveView | None = None
        if parts.accelerator.is_main_process:
            kept = [line for line in read(self.path) if line["step"] <= state.step]
            write_bytes(self.path, "".join(map(journal.line, kept)).encode())
            self._file = self.path.open("a")
            trackers.start(parts.accelerator, recipe.trackers, run, recipe.resolved(), state.step + 1)

    def __enter__(self) -> Log:
        recipe = self.recipe
        if self._file is not None:
            console.info(opening(recipe, self.parts))
        if self._file is not None and console.shows_live():
            self._live = LiveView(self.run.name, self._start_step, recipe.steps, recipe.batch, console.stderr())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.close()
        if self._file is not None:
            try:
                trackers.finish(self.parts.accelerator)
                self._file.close()
                self.page()
            except (OSError, AimkitError):
                if error is None:
                    raise
                # What ended the run is said, not that its page can't be written on the same full disk.

    def steps(self, state: State, rows: Sequence[dict[str, float]]) -> None:
        """Record the loss terms of the last steps; a line is written every ``log_every`` steps.

        Args:
            state: Counters of the run after these steps.
            rows: Terms of each step, at least one.
        """
        if self._begin_step == self._start_step:
            self._begin, self._begin_step = time.monotonic(), state.step
        if self._live is not None:
            self._live.update(state.step, rows[-1], self._left(state), memory(self.parts.accelerator.device))
        for terms in rows:
            for name, value in terms.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += len(rows)
        if state.step % self.recipe.log_every and state.step != self.recipe.steps:
            return
        means = {name: total / self._count for name, total in self._sums.items()}
        seconds = time.monotonic() - self._since
        means["samples_per_second"] = self._count * self.recipe.batch / max(seconds, 1e-9)
        means["memory_gb"] = memory(self.parts.accelerator.device)
        self._write("train", state.step, means)
        if self._file is not None and self._live is None:
            console.info(self._line(state, means))
        self._sums, self._count, self._since = {}, 0, time.monotonic()

    def scores(self, state: State, scores: dict[str, float], *, counts: bool = True) -> None:
        """Record the scores of a validation; one that does not count is never the best."""
        self._write("val", state.step, scores)
        if self._file is not None:
            best = "  best so far" if counts and (state.best is None or scores["mad"] < state.best) else ""
            text = "  ".join(f"{name} {value:.4g}" for name, value in scores.items() if name in ("mad", "mse", "sad"))
            types = "  ".join(f"{n.split('/')[1]} {v:.4g}" for n, v in scores.items() if n.startswith("mad/"))
            console.info(f"step {state.step}  validation  {text}  (mad: {types}){best}")
            self.page()
        # Training time excludes validation.
        self._since = time.monotonic()
        if self._live is not None:
            self._live.pause()

    def page(self) -> None:
        """Write ``page.html`` again."""
        from aimkit.train.page import write_page

        write_page(self.run)

    def _write(self, kind: str, step: int, values: dict[str, float]) -> None:
        if self._file is not None:
            try:
                self._file.write(journal.line({"kind": kind, "step": step, **values}))
                self._file.flush()
            except OSError as error:
                raise write_error(error, self.path, f"continue with --resume {self.run}") from None
        if self.parts.accelerator.trackers:
            self.parts.accelerator.log({f"{kind}/{name}": value for name, value in values.items()}, step=step)

    def _left(self, state: State) -> float:
        """Seconds left at the speed of this session, without its first steps, which wait for workers to start."""
        done = state.step - self._begin_step
        return (time.monotonic() - self._begin) / done * (self.recipe.steps - state.step) if done else float("nan")

    def _line(self, state: State, means: dict[str, float]) -> str:
        terms = {"ce": "semantic_cross_entropy", "detail": "detail_alpha", "alpha": "fusion_alpha"}
        parts = "  ".join(f"{short} {means[name]:.4f}" for short, name in terms.items() if name in means)
        return (
            f"step {state.step}/{self.recipe.steps}  loss {means['total']:.4f}  {parts}  lr {means['lr']:.2g}  "
            f"{means['samples_per_second']:.1f} samples/s  {clock(self._left(state))} left  {means['memory_gb']:.1f} GB"
        )


def opening(recipe: TrainRecipe, parts: Parts) -> str:
    """A line that says what will be trained."""
    count = sum(parameter.numel() for parameter in parts.network.parameters())
    processes = parts.accelerator.num_processes
    device = str(parts.accelerator.device) if processes == 1 else f"{processes} processes on {parts.accelerator.device}"
    line = (
        f"{recipe.model.name} on {recipe.model.backbone}, {count / 1e6:.1f} M parameters; "
        f"{recipe.steps} steps of {recipe.batch} samples; {recipe.precision}, {device}"
    )
    return line + (f"\ncompositing {division(recipe.data.train)}" if recipe.device_compositing else "")


def memory(device: torch.device) -> float:
    """Peak memory of the GPU, or of this process, in GB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource
    except ImportError:
        return _peak_on_windows() / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak / 1e6


def _peak_on_windows() -> int:
    # A dependency of accelerate.
    import psutil

    info = psutil.Process().memory_info()
    return int(getattr(info, "peak_wset", info.rss))
