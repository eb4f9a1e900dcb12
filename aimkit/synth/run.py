"""Writing a dataset: shards that are whole or not there, so that a run can be killed, continued and shared out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.synth.inspect.card import finish
from aimkit.synth.job import Job
from aimkit.synth.lock import NAME, differences, lock_text, read_lock, versions
from aimkit.synth.workers import execute
from aimkit.synth.writers.files import TEMPORARY, explained, write_whole
from aimkit.synth.writers.shard import Shard, plan, read_sidecar
from aimkit.types import Sample


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        out: Folder of the dataset.
        written: Samples that this run made.
        missing: Shards of the dataset that are not finished yet.
        quarantined: Source images that could not be read, as {index, role, id, error}.
    """

    out: Path
    written: int
    missing: int
    quarantined: list[dict[str, Any]]


def synthesize(
    recipe: Any,
    out: Path,
    *,
    workers: int = 1,
    part: tuple[int, int] | None = None,
    resume: bool = False,
    synthesizer: Callable[[Any], Sequence[Sample]] | None = None,
) -> Outcome:
    """Write the dataset of a recipe.

    Neither the number of workers, nor interruptions, nor the way the shards are parted shows in the result.

    Args:
        recipe: The synth recipe.
        out: Folder; new or empty unless ``resume`` or ``part`` is given.
        workers: Processes; 0 and 1 work in this one.
        part: ``(i, n)`` writes every n-th shard from the i-th on, into a folder that the other parts may share. The
            part that finishes the last shard completes the dataset.
        resume: Continue what an earlier run of the same recipe left.
        synthesizer: Makes the samples of a recipe; it must be importable by worker processes.

    Raises:
        AimkitError: The folder holds something else, too many source images are broken, or the disk is full.
    """
    job = Job(recipe, out, synthesizer)
    count = len(job.samples())
    job = Job(recipe.model_copy(update={"count": count}), out, synthesizer)
    shards = plan(count, recipe.output.shard_size)
    mine = shards if part is None else [shard for shard in shards if shard.number % part[1] == part[0]]
    own = out / TEMPORARY / ("whole" if part is None else f"whole-{part[0]}-of-{part[1]}")
    with explained(out):
        _claim(job, own, joins=resume or part is not None)
        _clean(out, mine, own, alone=part is None)
    done = {shard.number for shard in shards if (out / shard.sidecar).exists()}
    todo = [shard for shard in mine if shard.number not in done]
    if done:
        console.info(f"{len(done)} of {len(shards)} shards are finished already")

    quarantined = [entry for n in sorted(done) for entry in read_sidecar(out, shards[n])["quarantined"]]

    def finished(sidecar: dict[str, Any]) -> None:
        quarantined.extend(sidecar["quarantined"])
        _check_failures(quarantined, count, recipe.output.max_failures)

    written = sum(len(shard) for shard in todo)
    with console.progress(written, "synth", "samples") as bar:
        execute(job, todo, workers, bar.advance, finished)

    missing = sum(not (out / shard.sidecar).exists() for shard in shards)
    if not missing:
        with explained(out):
            finish(out, own)
            _clean(out, shards, own, alone=part is None)
    return Outcome(out, written, missing, quarantined)


def _claim(job: Job, own: Path, *, joins: bool) -> None:
    """Make the folder this recipe's, or see that it is already."""
    out, lock = job.out, job.out / NAME
    if out.exists() and not out.is_dir():
        raise AimkitError("the output is a file, a folder is needed", str(out))
    inhabited = out.is_dir() and any(path.name != TEMPORARY for path in out.iterdir())
    if not inhabited:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(lock, [lock_text(job.recipe).encode()], own)
        return
    if not joins:
        hint = "add --resume to continue it" if lock.exists() else "choose another folder"
        raise AimkitError("the output folder is not empty", str(out), hint)
    if not lock.exists():
        hint = "choose another folder"
        raise AimkitError(f"the output folder holds something else: it has no {NAME}", str(out), hint)
    locked, remarks = read_lock(out)
    different = differences(locked, job.recipe.resolved())
    if different:
        lines = "\n  ".join(different[:12] + ([f"... and {len(different) - 12} more"] if different[12:] else []))
        hint = f"continue with 'aimkit synth {lock} -o {out} --resume', or choose another folder"
        raise AimkitError(f"another recipe began this dataset:\n  {lines}", str(lock), hint)
    now = ", ".join(f"{name} {number}" for name, number in versions().items())
    if remarks.get("versions") != now:
        console.warn(f"the dataset was begun with {remarks.get('versions')}; now {now}: the bytes may differ")


def _clean(out: Path, shards: Sequence[Shard], own: Path, *, alone: bool) -> None:
    """Remove what killed runs left; other parts may be running, so theirs is not touched."""
    temporary = out / TEMPORARY
    if alone:
        shutil.rmtree(temporary, ignore_errors=True)
        return
    for folder in [own, *(temporary / f"{shard.number:05d}" for shard in shards)]:
        shutil.rmtree(folder, ignore_errors=True)
    if temporary.is_dir() and not any(temporary.iterdir()):
        shutil.rmtree(temporary, ignore_errors=True)


def _check_failures(quarantined: list[dict[str, Any]], count: int, limit: float) -> None:
    failed = {entry["index"] for entry in quarantined}
    if len(failed) > limit * count:
        last = quarantined[-1]
        raise AimkitError(
            f"{len(failed)} of {count} samples met source images that can't be read (the limit is {limit:.1%})",
            f"the last: {last.get('role', 'source')} '{last.get('id', '')}': {last.get('error', '')}",
            "mend the sources, or continue with --resume output.max_failures=1",
            exit_code=1,
        )
