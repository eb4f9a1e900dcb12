"""aimkit pool: pack foregrounds and backgrounds once, for fast synthesis."""

from __future__ import annotations

import json
from typing import Any

import click

from aimkit import console
from aimkit.cli.own_data import own_data
from aimkit.errors import AimkitError


@click.group()
def pool() -> None:
    """Pack foregrounds and backgrounds once, so that synthesis needs no decoding."""


@pool.command()
@click.argument("what", nargs=-1, required=True, metavar="RECIPE|FOLDER... [KEY=VALUE]...")
@click.option("-o", "--out", required=True, help="Folder of the pool.")
@own_data
@click.option("--append", is_flag=True, help="Add to an existing pool; pictures that it has are kept.")
@click.option("--replace", is_flag=True, help="With --append: replace pictures of the same name.")
@click.option(
    "--drawn",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of items to generate with each procedural generator.",
)
@click.option(
    "--size",
    type=click.IntRange(min=16),
    default=1024,
    show_default=True,
    help="Side of generated items in pixels.",
)
@click.option("--workers", type=click.IntRange(min=0), help="Number of processes; all cores by default.")
def build(
    what: tuple[str, ...],
    out: str,
    foregrounds: str,
    mattes: str,
    backgrounds: str,
    append: bool,
    replace: bool,
    drawn: int,
    size: int,
    workers: int | None,
) -> None:
    """Pack the sources of a RECIPE, or FOLDERs of cut-outs, of colours and mattes, or of backgrounds.

    Every picture is decoded and halved once. KEY=VALUE pairs override keys of the recipe; with folders, they set keys
    of the source, such as licence=CC0-1.0 or type=STM. Run the same command again to continue an interrupted build.
    In a recipe, a pool is a source: {source = "pool", path = "POOL"}.
    """
    from aimkit.datasets.scan_report import SKIPPED, ScanReport, write_skipped
    from aimkit.skips import Skip, Skips
    from aimkit.synth.outputs import refuse_inside_sources
    from aimkit.synth.pool.build import build as pack
    from aimkit.synth.pool.index import pool_folder
    from aimkit.synth.pool.ingest import Drawing, ingest, sources_of
    from aimkit.synth.processes import cores

    if replace and not append:
        raise AimkitError("--replace needs --append", "--replace", "add --append")
    root = pool_folder(out, "--out")
    sources = sources_of(what, foregrounds=foregrounds, mattes=mattes, backgrounds=backgrounds)
    refuse_inside_sources(root, [*sources.foregrounds, *sources.backgrounds])
    found = ingest(sources, Drawing(drawn, (size, size)) if drawn else None)
    try:
        outcome = pack(found, root, append=append, replace=replace, workers=cores() if workers is None else workers)
    except KeyboardInterrupt:
        console.info("stopped; finished files are kept. Run the same command to continue")
        raise
    failed = Skips("item", [Skip(name, error) for name, error in outcome.failed])
    failed.tell(len(found.entries))
    skipped = ScanReport("pool", str(root), skips=failed)
    write_skipped([*found.reports, skipped], root / SKIPPED)
    rest = f", {outcome.replaced} replaced" if outcome.replaced else ""
    console.info(f"{outcome.added} items added{rest}, {outcome.known} already in the pool")
    console.out(str(root))


@pool.command()
@click.argument("path")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(path: str, as_json: bool) -> None:
    """Show what a pool holds: items by role, source, type and licence; levels; size."""
    from aimkit.synth.pool.check import COLUMNS, facts, source_rows
    from aimkit.synth.pool.index import pool_folder, read_index

    root = pool_folder(path)
    index = read_index(root)
    known, rows = facts(root, index), source_rows(index)
    if as_json:
        console.out(json.dumps(known | {"sources": [dict(zip(COLUMNS, row, strict=True)) for row in rows]}, indent=2))
        return
    console.table(["", ""], [(name, _shown(value)) for name, value in known.items()])
    console.out("")
    console.table(COLUMNS, rows)


@pool.command()
@click.argument("path")
def verify(path: str) -> None:
    """Read every byte of a pool and compare digests.

    Prints one line per damaged picture; the exit code is 1 if there are any.
    """
    from aimkit.synth.pool.check import verify as problems_of
    from aimkit.synth.pool.index import pool_folder, read_index

    root = pool_folder(path)
    index = read_index(root)
    problems = 0
    with console.progress(len(index.pictures), "verify", "pictures") as bar:
        for problem in problems_of(root, bar.advance):
            problems += 1
            console.out(problem)
    if problems:
        hint = "copy the file again, or build the pool again"
        raise AimkitError(f"{problems} problems in the pool", str(root), hint, exit_code=1)
    console.out(f"ok: {len(index.entries)} items in {len(index.shards)} files")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {number}" for name, number in value.items())
    return " x ".join(map(str, value)) if isinstance(value, list) else str(value)
