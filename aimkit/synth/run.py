"""Writing a dataset: shards that are whole or not there, so that a run can be killed, continued and shared out."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aimkit import console
from aimkit.datasets.inspect.card import finish
from aimkit.datasets.lock import NAME, differences, lock_text, read_lock, versions
from aimkit.datasets.writers.files import TEMPORARY, explained, workspace, write_whole
from aimkit.datasets.writers.shard import Shard, finished, plan, read_sidecars
from aimkit.errors import AimkitError
from aimkit.storage import Place, Remote
from aimkit.synth.executors import Executor, executors
from aimkit.synth.job import ShardJob
from aimkit.types import Sample

#: Name of the unfinished files of a run that is not a part of one.
WHOLE = "whole"


@dataclass(frozen=True)
class SynthOutcome:
    """What a run did.

    Attributes:
        out: Folder of the dataset.
        written: Samples that this run made.
        missing: Shards of the dataset that are not finished yet.
        quarantined: Source images that could not be read, as {index, role, id, error}.
    """

    out: Place
    written: int
    missing: int
    quarantined: list[dict[str, Any]]


def synthesize(
    recipe: Any,
    out: Place,
    *,
    workers: int = 1,
    part: tuple[int, int] | None = None,
    resume: bool = False,
    executor: str | Executor = "local",
    synthesizer: Callable[[Any], Sequence[Sample]] | None = None,
) -> SynthOutcome:
    """Write the dataset of a recipe.

    Neither the number of workers, nor interruptions, nor the way the shards are parted shows in the result.

    Args:
        recipe: The synth recipe.
        out: Folder, a path or a URL; new or empty unless ``resume`` or ``part`` is given.
        workers: Processes; 0 and 1 work in this one. With Ray, shards at a time; 0 is as many as the cluster takes.
        part: ``(i, n)`` writes every n-th shard from the i-th on, into a folder that the other parts may share. The
            part that finishes the last shard completes the dataset.
        resume: Continue what an earlier run of the same recipe left.
        executor: Who does the work, "local", "ray" or one of your own.
        synthesizer: Makes the samples of a recipe; it must be importable by worker processes.

    Raises:
        AimkitError: The folder holds something else, too many source images are broken, or the disk is full.
    """
    execute = executors.get(executor).value if isinstance(executor, str) else executor
    if isinstance(out, Remote) and out.alone and (workers > 1 or executor != "local"):
        raise AimkitError("memory:// is seen by one process alone", str(out), "--workers 1")
    job = ShardJob(recipe, out, synthesizer)
    count = len(job.samples())
    job = ShardJob(recipe.model_copy(update={"count": count}), out, synthesizer)
    shards = plan(count, recipe.output.shard_size)
    mine = shards if part is None else [shard for shard in shards if shard.number % part[1] == part[0]]
    tag = WHOLE if part is None else f"{WHOLE}.{part[0]}.{part[1]}"
    with explained(out):
        claim(out, job.recipe.resolved(), lock_text(job.recipe), tag, joins=resume or part is not None)
        _warn_of_versions(out)
        clean(out, mine, tag)
        done = finished(out, shards)
    todo = [shard for shard in mine if shard not in done]
    if done:
        console.info(f"{len(done)} of {len(shards)} shards are finished already")

    quarantined = [entry for sidecar in read_sidecars(out, done) for entry in sidecar["quarantined"]]

    def count_failures(sidecar: dict[str, Any]) -> None:
        quarantined.extend(sidecar["quarantined"])
        _check_failures(quarantined, count, recipe.output.max_failures)

    written = sum(len(shard) for shard in todo)
    with console.progress(written, "synth", "samples") as bar:
        execute(job, todo, workers, bar.advance, count_failures)

    with explained(out):
        missing = len(shards) - len(finished(out, shards))
        if not missing:
            complete(out, shards, tag)
    return SynthOutcome(out, written, missing, quarantined)


def claim(out: Place, recipe: dict[str, Any], text: str, tag: str, *, joins: bool) -> None:
    """Make the folder this recipe's, or see that it is already.

    Args:
        out: Folder of the dataset.
        recipe: Its resolved recipe, with the count.
        text: The lock file of a new dataset.
        tag: Name of this run's unfinished files; another for every part that may run at the same time.
        joins: Continue what another run began.

    Raises:
        AimkitError: It is another's, or it is this recipe's already and ``joins`` is not set.
    """
    lock = out / NAME
    if out.is_file():
        raise AimkitError("the output is a file, a folder is needed", str(out))
    inhabited = out.is_dir() and any(path.name != TEMPORARY for path in out.iterdir())
    if not inhabited:
        with workspace(out, tag) as temporary:
            write_whole(lock, [text.encode()], temporary)
        return
    if not joins:
        hint = "add --resume to continue it" if lock.exists() else "choose another folder"
        raise AimkitError("the output folder is not empty", str(out), hint)
    if not lock.exists():
        hint = "choose another folder"
        raise AimkitError(f"the output folder holds something else: it has no {NAME}", str(out), hint)
    different = differences(read_lock(out)[0], recipe)
    if different:
        lines = "\n  ".join(different[:12] + ([f"... and {len(different) - 12} more"] if different[12:] else []))
        hint = f"continue with 'aimkit synth {lock} -o {out} --resume', or choose another folder"
        raise AimkitError(f"another recipe began this dataset:\n  {lines}", str(lock), hint)


def clean(out: Place, shards: Sequence[Shard], tag: str) -> None:
    """Remove what killed runs left of these shards; other parts may be running, so theirs is not touched."""
    if isinstance(out, Remote):
        return
    temporary = out / TEMPORARY
    if tag == WHOLE:
        shutil.rmtree(temporary, ignore_errors=True)
        return
    own = {tag, *(f"{shard.number:05d}" for shard in shards)}
    with contextlib.suppress(OSError):
        for folder in [path for path in temporary.iterdir() if path.name.partition("-")[0] in own]:
            shutil.rmtree(folder, ignore_errors=True)
        temporary.rmdir()


def complete(out: Place, shards: Sequence[Shard], tag: str) -> None:
    """Write what a dataset carries beside its samples, once all shards are there."""
    with workspace(out, tag) as temporary:
        finish(out, temporary)
    clean(out, shards, tag)


def _warn_of_versions(out: Place) -> None:
    began = read_lock(out)[1].get("versions")
    now = ", ".join(f"{name} {number}" for name, number in versions().items())
    if began != now:
        console.warn(f"the dataset was begun with {began}; now {now}: the bytes may differ")


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
