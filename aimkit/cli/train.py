"""aimkit train: both stages of the paper, and fine-tuning, from a recipe."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.recipe import expand, load_recipe


@click.command()
@click.argument("recipe", required=False)
@click.argument("overrides", nargs=-1)
@click.option("-o", "--out", help="Folder of the run; runs/RECIPE by default.")
@click.option("--resume", "resume_run", metavar="RUN", help="Go on with the run in that folder.")
@click.option("--auto-resume", is_flag=True, help="Go on if the folder holds a run, else start it.")
@click.option(
    "--dry-run", is_flag=True, help="Build everything, check one step, estimate time and memory; train nothing."
)
def train(
    recipe: str | None,
    overrides: tuple[str, ...],
    out: str | None,
    resume_run: str | None,
    auto_resume: bool,
    dry_run: bool,
) -> None:
    """Train a network by RECIPE, with key=value OVERRIDES.

    Several processes: torchrun --nproc-per-node 2 -m aimkit train RECIPE, or accelerate launch -m aimkit train RECIPE.
    """
    if resume_run is not None:
        if recipe is not None:
            raise AimkitError(
                "--resume takes the recipe of the run", f"recipe '{recipe}'", f"aimkit train --resume {resume_run}"
            )
        run = expand(resume_run)
        if not (run / "recipe.toml").is_file():
            raise AimkitError("the folder holds no run", str(run), "start it with: aimkit train RECIPE -o RUN")
        recipe, resume = str(run / "recipe.toml"), True
    elif recipe is None:
        raise AimkitError("which recipe?", "aimkit train RECIPE", "aimkit recipes ls train")
    else:
        run, resume = expand(out) if out else Path("runs") / Path(recipe).stem, False
    if os.environ.get("RANK", "0") != "0":
        console.set_verbosity(-1)  # of several processes one speaks, but for errors
    loaded = load_recipe(recipe, overrides, kind="train")
    if dry_run:
        from aimkit.train.dry_run import dry_run as rehearse

        console.table(["what", "is"], rehearse(loaded))
        return
    from aimkit.train.loop import train as start

    state = start(loaded, run, "auto" if auto_resume else resume)
    if state.step == loaded.steps:
        best = "" if state.best is None else f", best MAD {state.best:.4f}"
        console.info(f"trained {state.step} steps in {state.seconds:.0f} s{best}; {run / 'page.html'}")
