"""aimkit catalog: list published datasets, show where to get them, fetch them, and check a folder against one."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from aimkit import console
from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from aimkit.datasets.catalog import PublishedSet
    from aimkit.datasets.catalog.report import CatalogReport, PartReport

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def catalog() -> None:
    """Published datasets: list them, show where to get them, check folders against them."""


@catalog.command("ls")
@as_json
def list_(as_json: bool) -> None:
    """List the published datasets and the sets of 3-D models of the catalog."""
    from aimkit.datasets.catalog import published_sets
    from aimkit.datasets.catalog.model_sets import model_sets

    published, models = published_sets().values(), model_sets().values()
    if as_json:
        rows = [one.model_dump(mode="json") for one in published]
        console.out(json.dumps(rows + [{"kind": "models", **one.model_dump(mode="json")} for one in models], indent=1))
        return
    console.table(["name", "title", "parts", "types", "used for", "terms"], [_row(one) for one in published])
    console.out("\n3-D models for aimkit render:")
    counted = [(one.name, one.title, "any" if one.count is None else one.count, one.licence) for one in models]
    console.table(["name", "title", "models", "licence"], counted)
    console.info("for download, folders and recipes: aimkit catalog show NAME")


@catalog.command()
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show a dataset or a set of 3-D models.

    Where to get it, its terms, its folders, and the recipes that use it.
    """
    from aimkit.datasets.catalog import find_published
    from aimkit.datasets.catalog.model_sets import model_page, model_sets
    from aimkit.datasets.catalog.page import page

    models = model_sets().get(name.lower())
    if models is not None:
        console.out(json.dumps(models.model_dump(mode="json"), indent=1) if as_json else model_page(models))
        return
    published = find_published(name)
    console.out(json.dumps(published.model_dump(mode="json"), indent=1) if as_json else page(published))


@catalog.command()
@click.argument("name")
@click.argument("folder")
@click.option("--part", default="", help="Check only this part.")
@click.option("--types", default="", metavar="FILE", help="Types file, if it is not in the folder.")
@click.option("--section", default="", help="Section of the types file; the dataset's own by default.")
@click.option("--quick", is_flag=True, help="Check names and counts only; open no image.")
@as_json
def check(name: str, folder: str, part: str, types: str, section: str, quick: bool, as_json: bool) -> None:
    """Check that FOLDER holds a dataset as published.

    Counts, pairs, sizes and types are checked, and that every image can be read. FOLDER is the dataset's folder under
    any name, its parent folder, or the folder of one part. The exit code is 1 if it does not match.
    """
    from aimkit.datasets.catalog import find_published
    from aimkit.datasets.catalog.check import check as compare
    from aimkit.storage import place

    published = find_published(name)
    report = compare(published, place(folder), part=part, types=types, section=section, quick=quick)
    if as_json:
        usable = [_usage(published, one, folder) for one in report.parts]
        console.out(json.dumps({**report.to_json(), "use": usable}, indent=1))
    else:
        _print(report, folder)
    if not report.ok:
        raise AimkitError(f"the folder does not match {published.title}", folder, _hint(report), exit_code=1)


@catalog.command()
@click.argument("name")
@click.option("-o", "--out", required=True, help="Folder of the dataset.")
@as_json
def get(name: str, out: str, as_json: bool) -> None:
    """Fetch a dataset from its Hugging Face mirror.

    Only from mirrors that may redistribute it, in its authors' folder layout. For other datasets, the authors' page and
    terms are printed, and the exit code is 1. Run the same command again to continue; without a connection, the hub's
    cache is used.
    """
    from aimkit.datasets.catalog import find_published
    from aimkit.datasets.catalog.get import get as fetch
    from aimkit.recipe import expand

    published, folder = find_published(name), expand(out, "--out")
    if not published.mirrors and not as_json:
        for about, text in (("page", published.page), ("get it", published.get), ("terms", published.terms)):
            console.out(f"{about:<8}{text}")
    counts = fetch(published, folder)
    if as_json:
        mirrors = [mirror.model_dump() for mirror in published.mirrors]
        console.out(json.dumps({"name": published.name, "folder": str(folder), "images": counts, "mirrors": mirrors}))
        return
    for mirror in published.mirrors:
        console.info(f"{mirror.part}: {counts[mirror.part]:,} images from {mirror.hub}, {mirror.licence}")
    console.info(f"check it: aimkit catalog check {published.name} {shlex.quote(str(folder))}")
    console.out(str(folder))


def _print(report: CatalogReport, folder: str) -> None:
    rows = [
        (
            one.located.part.name,
            str(one.located.folder),
            one.located.layout.by or "published",
            one.found,
            one.located.part.count,
            "differs" if one.problems else "ok",
        )
        for one in report.parts
    ]
    rows += [(name, "-", "-", 0, report.published.part(name).count, "not found") for name in report.absent]
    console.table(["part", "folder", "layout", "found", "published", "result"], rows)
    for one in report.parts:
        for line in _lines(one):
            console.out(f"{one.located.part.name}: {line}")
    wrong = sum(bool(one.problems) for one in report.parts) + len(report.absent)
    parts = len(report.parts) + len(report.absent)
    title = report.published.title
    console.out(f"{title}: {wrong} of {parts} parts do not match" if wrong else f"{title}: everything is as published")
    for one in report.parts:
        usage = _usage(report.published, one, folder)
        console.out(f"\nto use {usage['part']}, in a recipe:\n  " + "\n  ".join(usage["recipe"]))
        if usage["commands"]:
            console.out("or:\n  " + "\n  ".join(usage["commands"]))


def _lines(one: PartReport, limit: int = 3) -> list[str]:
    from aimkit.datasets.catalog.report import grouped

    lines = []
    for word, findings in (("", one.problems), ("warning: ", one.warnings)):
        for group in grouped(findings):
            names = group["names"]
            shown = "; ".join(names[:limit]) + ("; ..." if len(names) > limit else "")
            lines.append(f"{word}{group['kind']}" + (f" ({group['count']})" if len(names) > 1 else "") + f": {shown}")
    if one.types:
        source = "inferred from the mattes" if one.types_from == "mattes" else f"in {one.types_from}"
        lines.append("types " + source + ": " + ", ".join(f"{count:,} {kind}" for kind, count in one.types.items()))
    return lines


def _usage(published: PublishedSet, one: PartReport, folder: str) -> dict[str, Any]:
    from aimkit.datasets.catalog.page import command, recipe_lines
    from aimkit.recipe import expand

    part = one.located.part
    root = folder if "://" in folder else str(expand(folder).absolute())
    # The saliency recipes read any folder of images and masks, so they need the part's own.
    own = str(one.located.folder) if part.use == "saliency" else root
    commands = [command(recipe, published, part, own) for recipe in part.recipes]
    return {"part": part.name, "recipe": recipe_lines(published, part, root), "commands": commands}


def _hint(report: CatalogReport) -> str:
    found = [one.located.part.name for one in report.parts if not one.problems]
    if report.absent and found and not any(one.problems for one in report.parts):
        return f"not found: {', '.join(report.absent)}; --part {found[0]} checks that part only"
    return f"download or unpack it again ('aimkit catalog show {report.published.name}'); --json lists all names"


def _row(one: PublishedSet) -> list[str]:
    parts = ", ".join(f"{part.name} {part.count:,}" for part in one.parts)
    uses = ", ".join(dict.fromkeys(part.use for part in one.parts))
    return [one.name, one.title, parts, " ".join(one.types), uses, one.terms]
