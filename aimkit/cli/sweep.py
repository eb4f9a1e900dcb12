"""aimkit sweep: train a recipe with several values and seeds, and compare the runs in a table."""

from __future__ import annotations

from pathlib import Path

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.recipe import expand, load_recipe


@click.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1)
@click.option("-o", "--out", help="Folder of the runs. Default: runs/RECIPE-sweep.")
@click.option("--vary", multiple=True, metavar="KEY=A,B", help="Values of a key. Repeat for all combinations.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Runs of each combination, with successive seeds.",
)
@click.option("--dry-run", is_flag=True, help="List the runs and check their networks; train nothing.")
def sweep(
    recipe: str, overrides: tuple[str, ...], out: str | None, vary: tuple[str, ...], seeds: int, dry_run: bool
) -> None:
    """Train RECIPE with key=value OVERRIDES once for each value and seed, one after another, and compare the runs.

    Repeat the command to resume after an interruption: finished runs are skipped. 'aimkit runs compare FOLDER' shows
    more scores.
    """
    load_recipe(recipe, overrides, kind="train")
    from aimkit.train.sweep import check, table, variants
    from aimkit.train.sweep import sweep as start

    folder = expand(out) if out else Path("runs") / f"{Path(recipe).stem}-sweep"
    runs = variants(recipe, overrides, vary, seeds)
    if dry_run:
        done = check(runs, folder)
        rows = [(run.name, f"{done[run.name]}/{run.recipe.steps}", run.recipe.digest()[:16]) for run in runs]
        console.table(["run", "step", "recipe"], rows)
        return
    outcome = start(runs, folder)
    if outcome.finished:
        console.table(*table(outcome.finished))
    if outcome.interrupted:
        console.info("repeat the command to resume")
        raise click.Abort
    if outcome.failed:
        what = f"{len(outcome.failed)} of {len(runs)} runs failed"
        raise AimkitError(what, ", ".join(outcome.failed), "repeat the command to try them again", exit_code=1)
