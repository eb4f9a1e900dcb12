"""aimkit train: train or fine-tune a network from a recipe."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aimkit import console
from aimkit.cli.own_data import own_data
from aimkit.errors import AimkitError
from aimkit.recipe import expand, load_recipe


@click.command()
@click.argument("recipe", required=False)
@click.argument("overrides", nargs=-1)
@click.option("-o", "--out", help="Folder of the run. Default: runs/RECIPE.")
@own_data
@click.option("--resume", "resume_run", metavar="RUN", help="Resume the run in this folder.")
@click.option("--auto-resume", is_flag=True, help="Resume the run if the folder has one, else start it.")
@click.option(
    "--dry-run", is_flag=True, help="Build everything, run two steps, and estimate time and memory; write nothing."
)
def train(
    recipe: str | None,
    overrides: tuple[str, ...],
    out: str | None,
    foregrounds: str,
    mattes: str,
    backgrounds: str,
    resume_run: str | None,
    auto_resume: bool,
    dry_run: bool,
) -> None:
    """Train a network from RECIPE, with key=value OVERRIDES.

    Several processes: torchrun --nproc-per-node 2 -m aimkit train RECIPE, or accelerate launch -m aimkit train RECIPE.
    """
    if resume_run is not None:
        if recipe is not None:
            raise AimkitError(
                "--resume excludes RECIPE and uses that of the run",
                f"recipe '{recipe}'",
                f"aimkit train --resume {resume_run}",
            )
        run = expand(resume_run)
        if not (run / "recipe.toml").is_file():
            raise AimkitError("no run in this folder", str(run), "start one with: aimkit train RECIPE -o RUN")
        recipe, resume = str(run / "recipe.toml"), True
    elif recipe is None:
        raise AimkitError("missing argument RECIPE", "aimkit train", "list recipes with: aimkit recipes ls train")
    else:
        run, resume = expand(out) if out else Path("runs") / Path(recipe).stem, False
    if os.environ.get("RANK", "0") != "0":
        console.set_verbosity(-1)  # only the main process reports, except errors
    if foregrounds or mattes or backgrounds:
        from aimkit.synth.own_data import own_streams

        folders = {"foregrounds": foregrounds, "mattes": mattes, "backgrounds": backgrounds}
        overrides = (*overrides, *own_streams(recipe, overrides, **folders))
    loaded = load_recipe(recipe, overrides, kind="train")
    if dry_run:
        from aimkit.train.dry_run import dry_run as rehearse

        rows = rehearse(loaded)
        if os.environ.get("RANK", "0") == "0":
            console.table(["name", "value"], rows)
        return
    from aimkit.train.loop import train as start

    state = start(loaded, run, "auto" if auto_resume else resume)
    if state.step == loaded.steps:
        best = "" if state.best is None else f", best MAD {state.best:.4f}"
        console.info(f"trained {state.step} steps in {state.seconds:.0f} s{best}; {run / 'page.html'}")
