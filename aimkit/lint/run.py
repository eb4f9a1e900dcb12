"""One pass over everything: each picture is decoded once, given to all checks, and dropped except for its record."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.lint.item import LintItem, LintTarget
from aimkit.lint.record import LintFolder, LintRecord, corners_of, looks, thumbnail
from aimkit.lint.registry import (
    SEVERITIES,
    LintCheckInfo,
    LintFinding,
    all_checks,
    chosen_checks,
    folder_checks,
    picture_checks,
)
from aimkit.lint.view import LintView, Predict, load_error
from aimkit.types import Float, UInt8

#: Told the number of pictures done and of all.
Step = Callable[[int, int], None]


@dataclass(frozen=True)
class LintResult:
    """What was found.

    Attributes:
        folder: What was looked at.
        findings: What is wrong with it, the severest first.
        checks: Names of the checks that ran.
    """

    folder: LintFolder
    findings: list[LintFinding]
    checks: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by severity."""
        counted = Counter(finding.severity for finding in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}


def lint(
    target: LintTarget,
    *,
    against: Sequence[LintTarget] = (),
    only: Sequence[str] = (),
    ignore: Sequence[str] = (),
    predict: Predict | None = None,
    thumbnails: bool = False,
    workers: int = 0,
    step: Step | None = None,
) -> LintResult:
    """Check everything that a target lists.

    Args:
        target: What to check.
        against: Known test sets, none of whose pictures may be in it.
        only: Names of the checks to run; all when empty.
        ignore: Names of checks not to run.
        predict: The network for ``subject-in-background``; without it, that check does not run.
        thumbnails: Whether to keep a small picture of everything, for the page.
        workers: Number of threads; one more than there are processors when 0.
        step: Called after each picture with the number of those done and of all; what it raises ends the work.

    Raises:
        AimkitError: A check is unknown.
    """
    names = chosen_checks(only, ignore)
    if predict is None:
        names -= {"subject-in-background"}
    if not against:
        names -= {"test-leak"}
    chosen = frozenset(names)
    # One photo at a time through the network, which uses all processors itself.
    shared = None if predict is None else _one_at_a_time(predict)
    look = partial(_look, chosen=chosen, predict=shared, keep=thumbnails)
    records = _pass(target.items, look, "check", workers, step)
    known = [item for one in against for item in one.items]
    others = _pass(known, partial(_look, chosen=frozenset(), predict=None, keep=thumbnails), "read test sets", workers)
    folder = LintFolder(target, records, others)
    return LintResult(folder, _findings(folder, chosen), tuple(sorted(chosen)))


def _pass(
    items: Sequence[LintItem], look: partial[LintRecord], title: str, workers: int, step: Step | None = None
) -> list[LintRecord]:
    if not items:
        return []
    count = workers or min(16, (os.cpu_count() or 1) + 1)
    records = []
    with console.progress(len(items), title, "pictures") as progress, ThreadPoolExecutor(count) as pool:
        try:
            for record in pool.map(look, items):
                records.append(record)
                progress.advance()
                if step is not None:
                    step(len(records), len(items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return records


def _look(item: LintItem, chosen: frozenset[str], predict: Predict | None, keep: bool) -> LintRecord:
    view = LintView(item, predict)
    if problem := load_error(view):
        return LintRecord(item, problem=problem)
    found = {}
    for entry in picture_checks:
        if entry.name in chosen and (what := _guarded(entry.name, entry.value, view)):
            found[entry.name] = what
    whole, subject = looks(view)
    return LintRecord(
        item,
        found,
        size=view.image.size,
        has_alpha=view.matte is not None and len(view.blobs) == 1,
        facts=view.facts,
        digest=view.digest,
        whole=whole,
        subject=subject,
        corners=corners_of(view, whole),
        thumbnail=thumbnail(view) if keep else b"",
    )


def _guarded(name: str, check: object, view: LintView) -> str:
    """What a check finds; one that fails on a picture is told once, and finds nothing."""
    try:
        return check(view)  # type: ignore[operator]
    except (AimkitError, MemoryError, ArithmeticError, ValueError) as error:
        console.detail(f"{name} failed on {view.item.name}: {error}")
        return ""


def _findings(folder: LintFolder, chosen: frozenset[str]) -> list[LintFinding]:
    known = all_checks()
    found = []
    for record in folder.records:
        for name, what in record.found.items():
            found.append(_finding(name, known[name], record.item.files, what))
    for entry in folder_checks:
        if entry.name in chosen:
            found += [_finding(entry.name, entry.info, fault.files, fault.what) for fault in entry.value(folder)]
    order = {name: position for position, name in enumerate(known)}
    return sorted(found, key=lambda one: (order[one.check], one.files, one.what))


def _finding(name: str, info: LintCheckInfo, files: tuple[str, ...], what: str) -> LintFinding:
    return LintFinding(name, info.severity, files, what, info.advice, bool(info.fix))


def _one_at_a_time(predict: Predict) -> Predict:
    lock = threading.Lock()

    def locked(photo: UInt8) -> Float:
        with lock:
            return predict(photo)

    return locked
