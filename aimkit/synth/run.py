"""Writing a dataset: every shard is whole or absent, so a run can be killed, resumed and divided."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aimkit import console
from aimkit.datasets.inspect.card import finish
from aimkit.datasets.lock import NAME, differences, lock_text, read_lock, versions
from aimkit.datasets.scan_report import SKIPPED, ScanReport, write_skipped
from aimkit.datasets.source_list import NAME as SOURCES
from aimkit.datasets.source_list import SourceList, check_sources, list_digest, list_text
from aimkit.datasets.writers.files import TEMPORARY, explained, workspace, write_whole
from aimkit.datasets.writers.shard import Shard, finished, plan, read_sidecars
from aimkit.errors import AimkitError
from aimkit.folder_lock import LOCKS, locked
from aimkit.remote import Remote
from aimkit.storage import Place
from aimkit.synth.executors import Executor, executors
from aimkit.synth.job import ShardJob
from aimkit.synth.outputs import refuse_inside_sources
from aimkit.synth.processes import cores
from aimkit.types import Sample

#: Tag of the unfinished files of an undivided run.
WHOLE = "whole"


@dataclass(frozen=True)
class SynthOutcome:
    """The outcome of a run.

    Attributes:
        out: Folder of the dataset.
        written: Number of samples that this run wrote.
        missing: Number of shards of the dataset that are not finished.
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
    workers: int | None = 1,
    part: tuple[int, int] | None = None,
    resume: bool = False,
    executor: str | Executor = "local",
    synthesizer: Callable[[Any], Sequence[Sample]] | None = None,
) -> SynthOutcome:
    """Write the dataset of a recipe.

    The result does not depend on the number of workers, on interruptions, or on how the shards are divided.

    Args:
        recipe: The synth recipe.
        out: Folder of the dataset, a path or a URL; new or empty unless ``resume`` or ``part`` is given.
        workers: Number of processes; 0 and 1 use this process, None all cores. With Ray, number of shards at a time; 0
            uses the whole cluster.
        part: ``(i, n)`` writes every n-th shard from the i-th on. All parts may share one folder; the part that
            finishes the last shard completes the dataset.
        resume: Whether to continue an earlier run of the same recipe.
        executor: Who writes the shards: "local", "ray" or your own.
        synthesizer: Makes the samples of a recipe; worker processes must be able to import it.

    Raises:
        AimkitError: The folder holds something else, too many source images can't be read, or the disk is full.
    """
    execute = executors.get(executor).value if isinstance(executor, str) else executor
    if isinstance(out, Remote) and out.alone and ((workers or 1) > 1 or executor != "local"):
        raise AimkitError("memory:// exists in one process only", str(out), "use --workers 1")
    joins = resume or part is not None
    # Before the sources are opened, which may take minutes.
    check_folder(out, joins=joins)
    refuse_inside_sources(out, [*recipe.foregrounds, *recipe.backgrounds])
    samples = ShardJob(recipe, out, synthesizer).samples()
    count, sources, reports = len(samples), getattr(samples, "sources", {}), getattr(samples, "reports", [])
    job = ShardJob(recipe.model_copy(update={"count": count}), out, synthesizer, list_digest(sources))
    shards = plan(count, recipe.output.shard_size)
    mine = shards if part is None else [shard for shard in shards if shard.number % part[1] == part[0]]
    tag = WHOLE if part is None else f"{WHOLE}.{part[0]}.{part[1]}"
    quarantined: list[dict[str, Any]] = []

    def count_failures(sidecar: dict[str, Any]) -> None:
        quarantined.extend(sidecar["quarantined"])
        _check_failures(quarantined, count, recipe.output.max_failures)

    with explained(out), locked(out, "synth", "" if part is None else tag), cleaned(out, mine, tag):
        text = lock_text(job.recipe, {"sources": job.sources, "mattes": _mattes(reports)})
        claim(out, job.recipe.resolved(), text, tag, joins=joins, sources=sources)
        write_skipped(reports, out / SKIPPED)
        _warn_of_versions(out)
        done = finished(out, shards)
        todo = [shard for shard in mine if shard not in done]
        if done:
            console.info(f"{len(done)} of {len(shards)} shards are already finished")
        quarantined += [entry for sidecar in read_sidecars(out, done) for entry in sidecar["quarantined"]]
        if workers is not None and 0 < len(todo) < workers and executor == "local":
            busy = f"only {len(todo)} of {workers} workers have a shard to write"
            console.info(f"{busy}; a lower output.shard_size would occupy more")
        written = sum(len(shard) for shard in todo)
        with console.progress(written, "synth", "samples") as bar:
            execute(job, todo, _workers(workers, out), bar.advance, count_failures)
        missing = len(shards) - len(finished(out, shards))
        if not missing:
            complete(out, tag)
    return SynthOutcome(out, written, missing, quarantined)


def _workers(asked: int | None, out: Place) -> int:
    if asked is not None:
        return asked
    return 1 if isinstance(out, Remote) and out.alone else cores()


def check_folder(out: Place, *, joins: bool) -> bool:
    """Check that a dataset can be written to a folder, without opening its sources.

    Args:
        out: Folder of the dataset.
        joins: Whether the run may continue a dataset that another run began.

    Returns:
        Whether the folder holds a dataset already, finished or not.

    Raises:
        AimkitError: The folder holds something else, or a dataset and ``joins`` is not set.
    """
    if out.is_file():
        raise AimkitError("the output is a file", str(out), "give a folder")
    if not out.is_dir() or all(path.name == TEMPORARY or path.name.startswith(LOCKS) for path in out.iterdir()):
        return False
    begun = (out / NAME).exists()
    if not joins:
        hint = "add --resume to continue it" if begun else "choose another folder"
        raise AimkitError("the output folder is not empty", str(out), hint)
    if not begun:
        hint = "choose another folder"
        raise AimkitError(f"the output folder holds something else: no {NAME} in it", str(out), hint)
    return True


def claim(
    out: Place, recipe: dict[str, Any], text: str, tag: str, *, joins: bool, sources: SourceList | None = None
) -> None:
    """Reserve a folder for a recipe by writing its lock file, or check that the folder is already reserved for it.

    Args:
        out: Folder of the dataset.
        recipe: The resolved recipe, with the count.
        text: Content of the lock file.
        tag: Name of this run's unfinished files; parts that may run at the same time need different tags.
        joins: Whether the run may continue a dataset that another run began.
        sources: The stored items that it is made of.

    Raises:
        AimkitError: The folder holds something else or a dataset of another recipe or other sources, or ``joins`` is
            not set and the folder is not empty.
    """
    lock = out / NAME
    if not check_folder(out, joins=joins):
        with workspace(out, tag) as temporary:
            write_whole(lock, [text.encode()], temporary)
            if sources:
                write_whole(out / SOURCES, [list_text(sources)], temporary)
        return
    known, remarks = read_lock(out)
    different = differences(known, recipe)
    if different:
        lines = "\n  ".join(different[:12] + ([f"... and {len(different) - 12} more"] if different[12:] else []))
        hint = f"continue with 'aimkit synth {lock} -o {out} --resume', or choose another folder"
        raise AimkitError(f"the dataset belongs to another recipe:\n  {lines}", str(lock), hint)
    check_sources(out, remarks.get("sources", ""), sources or {})


def _mattes(reports: Sequence[ScanReport]) -> str:
    """The scales of the sources' mattes, for the record."""
    return "; ".join(f"{report.source} {report.facts['mattes']}" for report in reports if report.facts.get("mattes"))


@contextlib.contextmanager
def cleaned(out: Place, shards: Sequence[Shard], tag: str) -> Iterator[None]:
    """Remove unfinished files of these shards: those that killed runs left, and in the end what an interrupt leaves.

    Parts that may be running keep theirs.
    """
    _clean(out, shards, tag)
    try:
        yield
    finally:
        _clean(out, shards, tag)


def _clean(out: Place, shards: Sequence[Shard], tag: str) -> None:
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


def complete(out: Place, tag: str) -> None:
    """Write the card, contact sheet and index of a dataset whose shards are all finished."""
    with workspace(out, tag) as temporary:
        finish(out, temporary)


def _warn_of_versions(out: Place) -> None:
    began = read_lock(out)[1].get("versions")
    now = ", ".join(f"{name} {number}" for name, number in versions().items())
    if began != now:
        console.warn(f"the dataset was begun with {began}, this is {now}: new samples may differ in their bytes")


def _check_failures(quarantined: list[dict[str, Any]], count: int, limit: float) -> None:
    failed = {entry["index"] for entry in quarantined}
    if len(failed) > limit * count:
        last = quarantined[-1]
        raise AimkitError(
            f"{len(failed)} of {count} samples drew source images that can't be read (the limit is {limit:.1%})",
            f"last: {last.get('role', 'source')} '{last.get('id', '')}': {last.get('error', '')}",
            "repair the sources, or continue with --resume output.max_failures=1",
            exit_code=1,
        )
