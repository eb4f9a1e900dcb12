"""aimkit learning-curve: train on nested subsets of a folder, and draw the error over the number of images."""

from __future__ import annotations

from pathlib import Path

import click

from aimkit import console
from aimkit.cli.own_data import own_data
from aimkit.errors import AimkitError
from aimkit.recipe import expand, load_recipe


def _sizes(ctx: click.Context, param: click.Parameter, value: str) -> list[int]:
    try:
        sizes = [int(part) for part in value.split(",")]
    except ValueError:
        raise AimkitError(f"can't read '{value}'", "--sizes", "for example --sizes 2,5,10,20,40") from None
    if min(sizes) < 1:
        raise AimkitError(f"{min(sizes)} images are too few to train on", "--sizes", "use 1 or more")
    return sizes


@click.command("learning-curve")
@click.argument("recipe")
@click.argument("overrides", nargs=-1)
@click.option("-o", "--out", help="Folder of the runs and the curve. Default: runs/RECIPE-learning-curve.")
@click.option(
    "--sizes",
    default="2,5,10,20,40",
    show_default=True,
    callback=_sizes,
    metavar="N,N",
    help="Numbers of foregrounds to train on.",
)
@click.option(
    "--seeds", type=click.IntRange(1), default=2, show_default=True, help="Runs for each number, with successive seeds."
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the foregrounds to measure on; they are never trained on.",
)
@own_data
@click.option("--dry-run", is_flag=True, help="List the runs and check their networks; train nothing.")
def learning_curve(
    recipe: str,
    overrides: tuple[str, ...],
    out: str | None,
    sizes: list[int],
    seeds: int,
    held_out: float,
    foregrounds: str,
    mattes: str,
    backgrounds: str,
    dry_run: bool,
) -> None:
    """Train RECIPE on 2, 5, 10, ... of its foregrounds, and plot the MAD on held-out ones against that number.

    Subsets are nested and stable: the first foregrounds in the order of their content digests. Every run is measured on
    the same composites of held-out foregrounds, after its last step. The folder gets learning-curve.html, .md, .json
    and .svg. Repeat the command to resume after an interruption: finished runs are skipped.

    Example: aimkit learning-curve finetune --foregrounds my/cutouts --sizes 2,5,10,20
    """
    load_recipe(recipe, overrides, kind="train")
    from aimkit.train.learning_curve import plan, points, table
    from aimkit.train.learning_curve_page import write_curve
    from aimkit.train.sweep import check, sweep

    folder = expand(out) if out else Path("runs") / f"{Path(recipe).stem}-learning-curve"
    own = {"foregrounds": foregrounds, "mattes": mattes, "backgrounds": backgrounds}
    planned = plan(recipe, overrides, sizes, seeds, held_out=held_out, **own)
    console.info(f"{len(planned.training)} foregrounds to train on, {len(planned.held_out)} held out")
    if len(planned.held_out) == 1:
        console.warn("one held-out foreground says little; raise --held-out, or add images")
    if dry_run:
        done = check(planned.variants, folder)
        rows = [(run.name, f"{done[run.name]}/{run.recipe.steps}") for run in planned.variants]
        console.table(["run", "step"], rows)
        return
    outcome = sweep(planned.variants, folder)
    found = points(planned, folder)
    if any(point.images for point in found):
        page = write_curve(planned, found, folder, f"Learning curve of {Path(recipe).stem}")
        console.table(*table(found))
        console.info(f"{page}")
    if outcome.interrupted:
        console.info("repeat the command to resume")
        raise click.Abort
    if outcome.failed:
        what = f"{len(outcome.failed)} of {len(planned.variants)} runs failed"
        raise AimkitError(what, ", ".join(outcome.failed), "repeat the command to try them again", exit_code=1)
