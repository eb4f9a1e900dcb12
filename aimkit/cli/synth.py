"""aimkit synth and aimkit preview: write a dataset, or preview some of its samples."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from aimkit import console
from aimkit.cli.own_data import own_data
from aimkit.errors import AimkitError
from aimkit.recipe import expand, load_recipe

_FORMATS = ["folder", "parquet", "webdataset"]
_EXECUTORS = ["local", "ray"]


@click.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-o", "--out", required=True, help="Folder of the dataset, or a URL such as s3://bucket/folder.")
@own_data
@click.option("-n", "--count", type=click.IntRange(min=1), help="Number of samples; the same as count=N.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="The same as output.format=...")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes, or shards at a time with Ray; all cores by default.",
)
@click.option("--executor", type=click.Choice(_EXECUTORS), default="local", show_default=True, help="Where to run.")
@click.option("--address", metavar="ADDRESS", help="Ray cluster; RAY_ADDRESS or this machine by default.")
@click.option("--shards", metavar="I/N", help="Write every N-th shard from the I-th on (0/4, 1/4, ...).")
@click.option("--resume", is_flag=True, help="Continue an interrupted run.")
def synth(
    recipe: str,
    overrides: tuple[str, ...],
    out: str,
    foregrounds: str,
    mattes: str,
    backgrounds: str,
    count: int | None,
    format_: str | None,
    workers: int | None,
    executor: str,
    address: str | None,
    shards: str | None,
    resume: bool,
) -> None:
    """Write the dataset of a RECIPE.

    A run can be killed at any time and continued with --resume; the result is the same, byte for byte. Runs with
    --shards 0/N to N-1/N fill one folder, in parallel or one after the other; 'aimkit dataset merge' merges separate
    folders.
    """
    from aimkit.skips import Skip, lines
    from aimkit.storage import place
    from aimkit.synth.run import synthesize

    if address and executor != "ray":
        raise AimkitError("--address needs --executor ray", "--address", "add --executor ray")
    part = _part(shards) if shards else None
    overrides = _with_own(recipe, overrides, foregrounds=foregrounds, mattes=mattes, backgrounds=backgrounds)
    loaded = _load(recipe, overrides, count, format_)
    folder = place(out, "--out")
    if workers is None and executor != "local":
        workers = 0
    try:
        outcome = synthesize(
            loaded, folder, workers=workers, part=part, resume=resume, executor=_executor(executor, address)
        )
    except KeyboardInterrupt:
        console.info(f"stopped; finished shards are kept. To continue:\n  {_again(sys.argv)}")
        raise
    if outcome.quarantined:
        console.warn(f"{len(outcome.quarantined)} source images could not be read and were set aside:")
        rows = [Skip(f"{e.get('role', '')} {e.get('id', '')}", str(e.get("error", ""))) for e in outcome.quarantined]
        for line in lines(rows):
            console.warn(f"  {line}")
    if outcome.missing:
        console.info(f"{outcome.missing} shards are missing; the run that writes the last one completes the dataset")
    console.out(str(outcome.out))


@click.command()
@click.argument("recipe", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-o", "--out", default="preview.png", show_default=True, help="Output file, PNG.")
@own_data
@click.option("-n", "--rows", type=click.IntRange(1, 50), default=3, show_default=True, help="Rows per type.")
@click.option(
    "--generators",
    is_flag=False,
    flag_value="*",
    metavar="[PATTERN]",
    help="Show the procedural generators instead: all, or those that match.",
)
@click.option("--wall", is_flag=True, help="With --generators: one picture of each, side by side.")
def preview(
    recipe: str | None,
    overrides: tuple[str, ...],
    out: str,
    foregrounds: str,
    mattes: str,
    backgrounds: str,
    rows: int,
    generators: str | None,
    wall: bool,
) -> None:
    """Draw a contact sheet of a RECIPE's samples: composite, alpha, label, cut-out on green."""
    if (recipe is None) == (generators is None):
        raise AimkitError("preview needs either RECIPE or --generators", hint="for example: aimkit preview demo")
    target = expand(out, "--out")
    if target.suffix.lower() != ".png":
        raise AimkitError("the output must be a .png file", str(target))
    from aimkit.datasets.inspect.canvas import encode_png

    if generators is not None:
        from aimkit.synth.gallery import gallery, overview

        picture = overview() if wall else gallery(generators)
    else:
        from aimkit.datasets.inspect.sheet import contact_sheet, pick
        from aimkit.datasets.scan_report import write_skipped
        from aimkit.synth.engine import Synthesizer
        from aimkit.synth.outputs import refuse_inside_sources

        overrides = _with_own(str(recipe), overrides, foregrounds=foregrounds, mattes=mattes, backgrounds=backgrounds)
        loaded = _load(str(recipe), overrides)
        refuse_inside_sources(target, [*loaded.foregrounds, *loaded.backgrounds])
        samples = Synthesizer(loaded)
        picture = contact_sheet(pick(samples, rows))
        write_skipped(samples.reports, target.with_suffix(".skipped.txt"))
    save(target, encode_png(picture))


def save(target: Path, data: bytes) -> None:
    """Write a file and print its path."""
    from aimkit.files import write_bytes

    write_bytes(target, data)
    console.out(str(target))


def _with_own(recipe: str, overrides: tuple[str, ...], **folders: str) -> tuple[str, ...]:
    if not any(folders.values()):
        return overrides
    from aimkit.synth.own_data import own_sources

    return (*overrides, *own_sources(recipe, overrides, **folders))


def _load(recipe: str, overrides: tuple[str, ...], count: int | None = None, format_: str | None = None) -> Any:
    more = [] if count is None else [f"count={count}"]
    more += [] if format_ is None else [f'output.format="{format_}"']
    return load_recipe(recipe, [*overrides, *more], kind="synth")


def _part(text: str) -> tuple[int, int]:
    try:
        position, number = (int(word) for word in text.split("/"))
    except ValueError:
        position, number = 0, 0
    if not 0 <= position < number:
        raise AimkitError(f"invalid value '{text}'", "--shards", "give I/N with 0 <= I < N, such as 0/4")
    return position, number


def _executor(name: str, address: str | None) -> Any:
    if name != "ray" or not address:
        return name
    from functools import partial

    from aimkit.synth.ray_executor import execute

    return partial(execute, address=address)


def _again(argv: list[str]) -> str:
    words = ["aimkit", *argv[1:]]
    return shlex.join(words if "--resume" in words else [*words, "--resume"])
