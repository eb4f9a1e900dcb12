"""aimkit dataset: inspect, check and publish datasets that aimkit synth wrote."""

from __future__ import annotations

import json
from typing import Any

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.recipe import expand


@click.group()
def dataset() -> None:
    """Inspect, verify, compare and publish written datasets."""


@dataset.command()
@click.argument("path")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(path: str, as_json: bool) -> None:
    """Show what a dataset holds: size, format, recipe, versions, sources."""
    from aimkit.datasets.inspect import stats
    from aimkit.datasets.reader import open_dataset

    opened = open_dataset(path)
    sidecars = list(opened.sidecars())
    sums = stats.total(sidecars)
    facts: dict[str, Any] = {
        "path": str(opened.root),
        "format": opened.format,
        "samples": len(opened),
        "shards": f"{len(opened.shards)} of {len(opened.plan)}",
        "complete": opened.complete,
        "bytes": sum(entry["size"] for sidecar in sidecars for entry in sidecar["files"]),
        "planes stored": bool(opened.recipe["output"]["planes"]),
        "types": {name: entry["samples"] for name, entry in sums["types"].items()},
        "sizes": stats.counts(sums["types"], "sizes"),
        "set aside": sum(len(sidecar["quarantined"]) for sidecar in sidecars),
        "digest": opened.remarks.get("digest", ""),
        "versions": opened.remarks.get("versions", ""),
    }
    sources = stats.source_rows(sums["sources"])
    if as_json:
        columns = ("role", "source", "licence", "origin", "uses")
        console.out(
            json.dumps(facts | {"sources": [dict(zip(columns, row, strict=True)) for row in sources]}, indent=2)
        )
        return
    console.table(["", ""], [(name, _shown(value)) for name, value in facts.items()])
    console.out("")
    console.table(["role", "source", "licence", "origin", "uses"], sources)


@dataset.command()
@click.argument("path")
def verify(path: str) -> None:
    """Check every file, digest and label, and the compositing equation.

    Prints one line per problem; the exit code is 1 if there are any.
    """
    from aimkit.datasets.inspect.verify import verify as problems_of
    from aimkit.datasets.reader import open_dataset

    opened = open_dataset(path)
    problems = 0
    with console.progress(len(opened), "verify", "samples") as bar:
        for problem in problems_of(opened, bar.advance):
            problems += 1
            console.out(problem)
    if problems:
        hint = "delete the sidecars (shards/*.json) of damaged shards, then run aimkit synth ... --resume"
        raise AimkitError(f"{problems} problems found", str(opened.root), hint, exit_code=1)
    console.out(f"ok: {len(opened)} samples in {len(opened.shards)} shards")


@dataset.command()
@click.argument("path")
@click.option("--plot", metavar="FILE", help="Also plot the statistics to a PNG file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, including the histograms.")
def stats(path: str, plot: str | None, as_json: bool) -> None:
    """Show the alpha histogram, foreground area, transition width, and balance of types and categories."""
    from aimkit.datasets.inspect import stats as statistics
    from aimkit.datasets.reader import open_dataset

    types = statistics.total(open_dataset(path).sidecars())["types"]
    if plot:
        from aimkit.cli.synth import save
        from aimkit.datasets.inspect.canvas import encode_png
        from aimkit.datasets.inspect.plot import plot as draw

        save(_png(plot, "--plot"), encode_png(draw(types)))
    if as_json:
        console.out(json.dumps(types, indent=2))
        return
    console.table(statistics.COLUMNS, statistics.rows(types))
    console.out("")
    categories = statistics.counts(types, "categories")
    console.table(["category", "samples"], [(name or "(none)", number) for name, number in categories.items()])


@dataset.command()
@click.argument("path")
@click.option("-o", "--out", required=True, help="Output file, PNG.")
@click.option("-n", "--rows", type=click.IntRange(1, 50), default=4, show_default=True, help="Rows per type.")
def sheet(path: str, out: str, rows: int) -> None:
    """Draw a contact sheet: composite, alpha, label, cut-out on green."""
    from aimkit.cli.synth import save
    from aimkit.datasets.inspect.canvas import encode_png
    from aimkit.datasets.inspect.sheet import contact_sheet, pick
    from aimkit.datasets.reader import open_dataset

    save(_png(out, "--out"), encode_png(contact_sheet(pick(open_dataset(path), rows))))


@dataset.command()
@click.argument("a")
@click.argument("b")
def diff(a: str, b: str) -> None:
    """List the samples that differ between A and B.

    The exit code is 1 if any do.
    """
    from aimkit.datasets.inspect.diff import diff as differences
    from aimkit.datasets.reader import open_dataset

    found = 0
    for line in differences(open_dataset(a), open_dataset(b)):
        found += 1
        console.out(line)
    if not found:
        console.out("no differences")
    else:
        raise click.exceptions.Exit(1)


@dataset.command()
@click.argument("parts", nargs=-1, required=True)
@click.option("-o", "--out", required=True, help="Folder or URL of the merged dataset.")
def merge(parts: tuple[str, ...], out: str) -> None:
    """Merge PARTS of a dataset into one.

    PARTS are folders or URLs that 'aimkit synth --shards' wrote. The result equals that of an undivided run, byte for
    byte. Missing shards are reported before anything is written. Run the same command again to continue an interrupted
    merge.
    """
    from aimkit.storage import place
    from aimkit.synth.merge import merge as join

    target = place(out, "--out")
    copied, total = join([place(part) for part in parts], target)
    console.info(f"{copied} of {total} shards copied" + (", the others already existed" if copied < total else ""))
    console.out(str(target))


@dataset.command()
@click.argument("path")
@click.option("--repo", required=True, help="Dataset repository on the Hugging Face hub, ORG/NAME.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--dry-run", is_flag=True, help="Print the card and upload nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def push(path: str, repo: str, private: bool, dry_run: bool, as_json: bool) -> None:
    """Publish a complete dataset on the Hugging Face hub, with a card that names licences and sizes.

    Files that the repository has are not sent again: run the same command again to continue an interrupted push. The
    card is sent last. 'load_dataset("ORG/NAME")' and recipe sources with source = "huggingface", path = "ORG/NAME" read
    it back.
    """
    if dry_run:
        from aimkit.publish.dataset import published_card

        text = published_card(path)
        console.out(json.dumps({"repo": repo, "card": text}) if as_json else text.rstrip())
        return
    from aimkit.publish.dataset import push_dataset

    address = push_dataset(path, repo, private=private)
    console.out(json.dumps({"repo": repo, "address": address}) if as_json else address)


def _png(text: str, where: str) -> Any:
    target = expand(text, where)
    if target.suffix.lower() != ".png":
        raise AimkitError("the output must be a .png file", f"{where} {text}")
    return target


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {number}" for name, number in list(value.items())[:8])
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
