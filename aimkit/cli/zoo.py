"""aimkit zoo: list, fetch and verify known weights."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aimkit import console
from aimkit.cli import LazyGroup
from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from aimkit.zoo.manifest import ZooEntry

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

#: What weights were trained for last, as in the manifest.
STAGES = click.Choice(["imagenet", "semantic", "saliency", "matting"])


#: Subcommands, in the form of COMMANDS.
ZOO = {
    "ls": ("aimkit.cli.zoo", "list_", "List entries."),
    "show": ("aimkit.cli.zoo", "show", "Show all facts about an entry."),
    "pull": ("aimkit.cli.zoo", "pull", "Fetch entries, by id or by pattern."),
    "verify": ("aimkit.cli.zoo", "verify", "Verify the digests of cached files."),
    "path": ("aimkit.cli.zoo", "path", "Print the file of an entry."),
    "rm": ("aimkit.cli.zoo", "rm", "Remove cached files."),
    "add": ("aimkit.cli.zoo_publish", "add", "Add a checkpoint or a run to the zoo."),
    "convert": ("aimkit.cli.zoo_publish", "convert", "Convert weights to aimkit's names, or to the released ones."),
    "onnx": ("aimkit.cli.zoo_publish", "onnx", "Write the ONNX file of an entry, to predict without PyTorch."),
    "push": ("aimkit.cli.zoo_publish", "push", "Publish an entry on the Hugging Face hub."),
    "board": ("aimkit.cli.zoo_board", "board", "Show published results and your own on a test set."),
    "check": ("aimkit.cli.zoo_publish", "check", "Check manifests and list every error."),
}


@click.group(cls=LazyGroup, lazy=ZOO)
def zoo() -> None:
    """List, fetch, check and publish weights."""


@click.command("ls")
@click.argument("pattern", default="*")
@click.option("--stage", type=STAGES, help="Only entries of this stage.")
@click.option("--licence", help="Only weights whose licence matches this pattern, such as 'mit' or '*nc*'.")
@click.option("--commercial", is_flag=True, help="Only entries whose weights and data allow commercial use.")
@click.option("--cached", is_flag=True, help="Only entries cached on this machine.")
@as_json
def list_(pattern: str, stage: str | None, licence: str | None, commercial: bool, cached: bool, as_json: bool) -> None:
    """List the entries that match PATTERN; 'timm:*' lists the weights of timm."""
    from aimkit.zoo import store
    from aimkit.zoo.manifest import entries

    timm = pattern.startswith("timm:")
    known = _timm() if timm else entries()
    wanted = licence.lower() if licence else "*"
    found = [
        entry
        for entry in known
        if fnmatchcase(entry.id, pattern)
        and stage in (None, entry.stage)
        and fnmatchcase(entry.licence.lower(), wanted)
        and (entry.commercial or not commercial)
        and (not cached or store.cached(entry))
    ]
    if as_json:
        console.out(json.dumps([plain(entry) for entry in found], indent=1))
        return
    columns = [
        "id",
        "stage",
        "architecture",
        "backbone",
        "digest",
        "cached",
        "licence",
        "data",
        "commercial",
        "SAD, by protocol",
    ]
    shown = slice(-1 if timm else None)
    least = ["digest", "backbone", "architecture", "data", "commercial", "stage", "cached"]
    console.table(columns[shown], [_row(entry)[shown] for entry in found], drop=least)
    more = "" if timm else "; for timm's ImageNet weights: aimkit zoo ls 'timm:*'"
    console.info(f"{len(found)} of {len(known)} entries{more}")


@click.command()
@click.argument("id")
@click.option("--credits", "credited", is_flag=True, help="List the author or origin of all training data.")
@as_json
def show(id: str, credited: bool, as_json: bool) -> None:
    """Show all facts about an entry."""
    from aimkit.publish.card import YES, grouped
    from aimkit.zoo import store
    from aimkit.zoo.manifest import find

    entry = find(id)
    if as_json:
        console.out(json.dumps(plain(entry), indent=1))
        return
    record, path = store.records().get(entry.id), store.cached(entry)
    rows = [
        ("id", entry.id),
        ("architecture", entry.architecture or "- (backbone only)"),
        ("backbone", entry.backbone),
        ("options", json.dumps(entry.options) if entry.options else ""),
        ("stage", entry.stage),
        ("started from", entry.init),
        ("format", entry.format),
        ("licence of the weights", entry.licence),
        ("commercial use", f"{YES[entry.commercial]} (weights and data together)"),
        ("digest", store.expected(entry) or "unknown"),
        ("digest is", store.digest_state(entry)),
        ("bytes", f"{entry.bytes:,}" if entry.bytes else (f"{record.bytes:,}" if record else "")),
        ("cached", str(path) if path else "no"),
        ("has seen", ", ".join(entry.seen)),
        ("preprocessing", _preprocessing(entry)),
        ("recipe", f"{entry.recipe or ''} {(entry.recipe_digest or '')[:12]}".strip()),
        ("seed", entry.seed),
        ("paper", entry.paper),
        ("default", "yes: used when no weights are given" if entry.default else ""),
        ("manifest", str(entry.file) if entry.file else "timm's configurations"),
        ("notes", entry.notes),
    ]
    console.table(["", ""], [row for row in rows if row[1] not in (None, "")])
    for number, source in enumerate(entry.sources, 1):
        console.out(f"source {number}  {source}")
    if entry.data:
        console.out("")
        columns = ["training data", "licence", "commercial use", "images"]
        if credited:
            console.table(
                [*columns, "author or origin"],
                [(d.name, d.licence, YES[d.commercial], d.images, d.origin) for d in entry.data],
            )
        else:
            console.table(columns, grouped(entry.data))
            if any(d.origin for d in entry.data):
                console.info(f"authors and origins: aimkit zoo show {entry.id} --credits")
    for metric in entry.metrics:
        console.out(f"\n{metric.test_set}, {metric.origin}\nprotocol: {metric.protocol}")
        console.table(list(metric.values), [[f"{value:g}" for value in metric.values.values()]])


@click.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--from", "from_file", type=click.Path(path_type=Path), help="Use this file, downloaded by hand.")
@click.option(
    "--trust-first-use",
    is_flag=True,
    default=None,
    help="Accept a file without a published digest, and record its digest.",
)
@click.option("--force", is_flag=True, help="Fetch the file again even if it is cached.")
@as_json
def pull(
    ids: tuple[str, ...], from_file: Path | None, trust_first_use: bool | None, force: bool, as_json: bool
) -> None:
    """Fetch entries, by id or by pattern; cached files are only verified."""
    from aimkit.zoo import fetch

    chosen = [entry for id in ids for entry in _matching(id)]
    if from_file is not None and len(chosen) != 1:
        raise AimkitError(f"--from needs exactly one entry, not {len(chosen)}", ", ".join(ids))
    rows: list[dict[str, Any]] = []
    failed: list[AimkitError] = []
    for entry in chosen:
        try:
            path = fetch.pull(entry, from_file=from_file, trust_first_use=trust_first_use, force=force)
        except AimkitError as error:
            if len(chosen) == 1:
                raise
            console.error(error)
            failed.append(error)
            rows.append({"id": entry.id, "path": None, "error": error.what})
        else:
            rows.append({"id": entry.id, "path": str(path)})
    if as_json:
        console.out(json.dumps(rows, indent=1))
    else:
        for row in rows:
            if row["path"]:
                console.out(f"{row['id']}  {row['path']}")
    if failed:
        raise AimkitError(f"{len(failed)} of {len(chosen)} entries could not be pulled", exit_code=1)


@click.command()
@click.argument("ids", nargs=-1)
@as_json
def verify(ids: tuple[str, ...], as_json: bool) -> None:
    """Verify the digests of cached files; of all if no IDS are given."""
    from aimkit.zoo import store

    chosen = [entry for id in ids for entry in _matching(id)] or [e for e in _everything() if store.cached(e)]
    rows = []
    for entry in chosen:
        try:
            state = "ok" if store.verify(entry, whole=True) else "not cached"
        except AimkitError as error:
            state = "wrong"
            console.error(error)
        rows.append({"id": entry.id, "state": state, "digest": store.digest_state(entry)})
    if as_json:
        console.out(json.dumps(rows, indent=1))
    else:
        console.table(["id", "file", "digest"], [tuple(row.values()) for row in rows])
    wrong = sum(row["state"] == "wrong" for row in rows)
    if wrong:
        raise AimkitError(f"{wrong} of {len(rows)} files are wrong", hint="aimkit zoo pull ID --force", exit_code=1)


@click.command()
@click.argument("id")
@as_json
def path(id: str, as_json: bool) -> None:
    """Print the cached file of an entry; fetch nothing."""
    from aimkit.zoo import store
    from aimkit.zoo.manifest import find

    entry = find(id)
    found = store.verify(entry)
    if found is None:
        raise AimkitError(f"{entry.id} is not cached", hint=f"aimkit zoo pull {entry.id}", exit_code=1)
    console.out(json.dumps({"id": entry.id, "path": str(found)}) if as_json else str(found))


@click.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--forget", is_flag=True, help="Also forget the recorded digests.")
@as_json
def rm(ids: tuple[str, ...], forget: bool, as_json: bool) -> None:
    """Remove cached files and the leftovers of interrupted pulls. Manifests are kept."""
    from aimkit.zoo import store

    rows = [
        {"id": entry.id, "removed": [str(p) for p in store.remove(entry, forget=forget)]}
        for id in ids
        for entry in _matching(id)
    ]
    if as_json:
        console.out(json.dumps(rows, indent=1))
        return
    for row in rows:
        console.info(f"{row['id']}: {len(row['removed'])} files removed")


def _matching(pattern: str) -> list[ZooEntry]:
    from aimkit.zoo.manifest import entries, find

    if not any(sign in pattern for sign in "*?["):
        return [find(pattern)]
    known = _timm() if pattern.startswith("timm:") else entries()
    found = [entry for entry in known if fnmatchcase(entry.id, pattern)]
    if not found:
        raise AimkitError(f"no entry matches '{pattern}'", hint="aimkit zoo ls")
    return found


def _timm() -> list[ZooEntry]:
    from aimkit.zoo.timm_entries import timm_entries

    return timm_entries()


def _everything() -> list[ZooEntry]:
    """All entries, with those of timm that were pulled before."""
    from aimkit.zoo import store
    from aimkit.zoo.manifest import entries, find

    return [*entries(), *(find(id) for id in store.records() if id.startswith("timm:"))]


def _row(entry: ZooEntry) -> list[Any]:
    from aimkit.publish.card import YES
    from aimkit.zoo import store

    sets = dict.fromkeys(m.test_set for m in entry.metrics if "sad" in m.values)
    sad = "; ".join(
        f"{name}: "
        + ", ".join(f"{m.values['sad']:g}" for m in entry.metrics if m.test_set == name and "sad" in m.values)
        for name in sets
    )
    row = [entry.id, entry.stage, entry.architecture or "-", entry.backbone, store.digest_state(entry)]
    return [*row, "yes" if store.cached(entry) else "", entry.licence, entry.trained_on, YES[entry.commercial], sad]


def plain(entry: ZooEntry) -> dict[str, Any]:
    """An entry as JSON, with its state on this machine."""
    from aimkit.zoo import store

    cached = store.cached(entry)
    about = {"digest": store.digest_state(entry), "cached": str(cached) if cached else None}
    return entry.to_table() | about | {"commercial": entry.commercial}


def _preprocessing(entry: ZooEntry) -> str:
    p = entry.preprocessing
    scale = "" if p.value_range == 1 else f" of 0..{p.value_range:g}"
    return f"mean {p.mean}, std {p.std}{scale}, sizes are multiples of {p.size_multiple}"
