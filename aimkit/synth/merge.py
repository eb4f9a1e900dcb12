"""Merging the parts of a dataset that were written to separate folders."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.datasets.lock import NAME, differences, read_lock
from aimkit.datasets.source_list import NAME as SOURCES
from aimkit.datasets.source_list import SourceList, changes
from aimkit.datasets.writers.files import explained, listing, settle, workspace, write_whole
from aimkit.datasets.writers.shard import Shard, finished, plan, ranges, read_sidecar
from aimkit.errors import AimkitError
from aimkit.folder_lock import locked
from aimkit.json_files import LARGE, read_json
from aimkit.paths import inside
from aimkit.storage import Place, blocks
from aimkit.synth.run import WHOLE, claim, cleaned, complete

#: Number of commands that a hint lists.
_LISTED = 6


def merge(parts: Sequence[Place], out: Place) -> tuple[int, int]:
    """Merge the shards of one recipe into one dataset, with the same bytes as an undivided run.

    Nothing is written unless all shards exist. Every shard is copied whole, its sidecar last, so the same call
    continues an interrupted merge; finished shards are not copied again.

    Args:
        parts: Folders or URLs that ``aimkit synth --shards`` wrote; several may hold the same shard.
        out: Folder or URL of the merged dataset; it may be one of the parts.

    Returns:
        Number of copied shards, and number of all shards.

    Raises:
        AimkitError: The parts have different recipes, shards are missing or differ, or a file is damaged.
    """
    held = [out] if (out / NAME).is_file() else []
    known = held + [part for part in parts if part != out]
    recipe, sources = _one_recipe(known)
    shards = plan(recipe["count"], recipe["output"]["shard_size"])
    found = _find(known, shards)
    missing = [shard.number for shard in shards if shard not in found]
    if missing:
        raise AimkitError(
            f"{len(missing)} of {len(shards)} shards are missing: {ranges(missing, 20)}",
            ", ".join(map(str, known)),
            "write them, then merge again:\n  " + "\n  ".join(_commands(known[-1], missing, len(shards))),
            exit_code=1,
        )
    todo = [shard for shard in shards if found[shard] != out]
    with explained(out), locked(out, "dataset merge"), cleaned(out, shards, WHOLE):
        text = (known[0] / NAME).read_text(encoding="utf-8")
        claim(out, recipe, text, WHOLE, joins=bool(held), sources=sources)
        with console.progress(sum(map(len, todo)), "merge", "samples") as bar:
            for shard in todo:
                _copy(shard, found[shard], out)
                bar.advance(len(shard))
        complete(out, WHOLE)
    return len(todo), len(shards)


def _one_recipe(parts: Sequence[Place]) -> tuple[dict[str, Any], SourceList]:
    """Read the recipe and the sources that all parts must share."""
    recipe, remarks = read_lock(parts[0])
    recorded = remarks.get("sources", "")
    sources = _sources(parts[0]) if recorded else {}
    for part in parts[1:]:
        other, other_remarks = read_lock(part)
        different = differences(recipe, other)
        if different:
            lines = "\n  ".join(
                line.replace(" in the dataset, ", f" in {parts[0]}, ").replace(" now", f" in {part}")
                for line in different[:12]
            )
            raise AimkitError(f"the parts have different recipes:\n  {lines}", str(part), "leave this part out")
        if other_remarks.get("sources", "") != recorded:
            few = changes(sources, _sources(part))[:_LISTED]
            what = "\n  ".join(["the parts were made from other sources", *few])
            raise AimkitError(what, f"{parts[0] / SOURCES}, {part / SOURCES}", "leave this part out, or write it again")
        if other_remarks.get("versions") != remarks.get("versions"):
            console.warn(
                f"{part} was made with {other_remarks.get('versions')}, {parts[0]} with {remarks.get('versions')}"
            )
    return recipe, sources


def _sources(part: Place) -> SourceList:
    path = part / SOURCES
    return read_json(path, dict, "list of sources", limit=LARGE) if path.is_file() else {}


def _find(parts: Sequence[Place], shards: Sequence[Shard]) -> dict[Shard, Place]:
    """Find the part that holds each finished shard; copies of a shard must be equal."""
    found: dict[Shard, Place] = {}
    for part in parts:
        for shard in finished(part, shards):
            first = found.setdefault(shard, part)
            if first != part and read_sidecar(first, shard)["digest"] != read_sidecar(part, shard)["digest"]:
                raise AimkitError(
                    f"shard {shard.number} differs between {first} and {part}",
                    str(part / shard.sidecar),
                    "check both with 'aimkit dataset verify'; if neither is damaged, their versions differ",
                    exit_code=1,
                )
    return found


def _copy(shard: Shard, part: Place, out: Place) -> None:
    """Copy a shard and check that it arrived as it was written."""
    sidecar = read_sidecar(part, shard)
    with workspace(out, f"{shard.number:05d}") as temporary:
        for entry in sidecar["files"]:
            target = inside(temporary, entry["path"], part / shard.sidecar)
            target.parent.mkdir(parents=True, exist_ok=True)
            _download(inside(part, entry["path"], part / shard.sidecar), target)
        copied = listing(temporary)
        wrong = [str(want["path"]) for want in sidecar["files"] if want not in copied]
        if wrong:
            hint = f"delete {part / shard.sidecar}, then {_commands(part, [shard.number], shard.total)[0]}"
            raise AimkitError(f"{wrong[0]} changed since it was written", str(part), hint, exit_code=1)
        settle(temporary, out)
        write_whole(out / shard.sidecar, [(part / shard.sidecar).read_bytes()], temporary)


def _download(source: Place, target: Path) -> None:
    try:
        with target.open("wb") as file:
            for block in blocks(source):
                file.write(block)
    except FileNotFoundError:
        raise AimkitError("a file of a finished shard is missing", str(source), "aimkit dataset verify") from None


def _commands(part: Place, missing: Sequence[int], total: int) -> list[str]:
    """Commands that write the missing shards: one if ``--shards I/N`` can select them, else one per shard."""
    step = reduce(gcd, (b - a for a, b in pairwise(missing)), 0) or total
    together = len(range(missing[0] % step, total, step)) <= 2 * len(missing)
    wanted = [(missing[0] % step, step)] if together else [(number, total) for number in missing]
    lock, folder = shlex.quote(str(part / NAME)), shlex.quote(str(part))
    commands = [f"aimkit synth {lock} -o {folder} --shards {i}/{n}" for i, n in wanted]
    return commands if len(commands) <= _LISTED else [*commands[:_LISTED], f"... {len(commands) - _LISTED} more"]
