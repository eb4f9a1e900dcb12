"""aimkit runs: list, show, compare and average training runs."""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from pathlib import Path

import click

from aimkit import console
from aimkit.recipe import expand


@click.group()
def runs() -> None:
    """List, show, compare and average training runs."""


@runs.command("ls")
@click.argument("folder", default="runs")
@click.option("--json", is_flag=True, help="Print JSON.")
def list_(folder: str, json: bool) -> None:
    """List the runs below FOLDER."""
    path = _existing(folder)
    from aimkit.train.runs import find_runs, run_table

    columns, found = run_table(find_runs(path))
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    if json:
        console.out(json_format.dumps(rows, indent=1))
    elif rows:
        console.table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        console.info(f"no runs below {folder}")


@runs.command()
@click.argument("run")
@click.option("--json", is_flag=True, help="Print JSON.")
@click.option(
    "--finished",
    is_flag=True,
    help="Exit with 1 if the run is not finished: 'aimkit train' exits with 0 when it is stopped.",
)
def show(run: str, json: bool, finished: bool) -> None:
    """Show one run: its recipe, last losses and validations."""
    from aimkit.errors import AimkitError

    path = _existing(run)
    from aimkit.train.runs import open_run

    one = open_run(path)
    if finished and one.step < one.recipe["steps"]:
        what = f"the run is not finished: {one.step} of {one.recipe['steps']} steps"
        raise AimkitError(what, str(one.path), f"aimkit train --resume {one.path}", exit_code=1)
    if json:
        whole = {"path": str(one.path), "digest": one.digest, "step": one.step, "recipe": one.recipe}
        console.out(json_format.dumps({**whole, "train": one.train, "validation": one.scores}, indent=1))
        return
    console.out(
        f"{one.path}  step {one.step}/{one.recipe['steps']}  recipe {one.digest[:16]}  page {one.path}/page.html"
    )
    if one.train:
        terms = [(name, f"{value:.4g}") for name, value in one.train.items() if name not in ("kind", "step")]
        console.table(["term", "last"], terms)
    if one.scores:
        names = [
            name for name in one.scores[0] if name not in ("kind", "step") and name.split("/")[0] in ("mad", "sad")
        ]
        rows = [[row["step"], *(f"{row[name]:.4g}" for name in names)] for row in one.scores]
        console.table(["step", *names], rows, title="validation")


@runs.command()
@click.argument("run")
def verify(run: str) -> None:
    """Check the files of a RUN against their digests.

    One line is printed for each problem; the exit code is 1 if there is any.
    """
    from aimkit.errors import AimkitError

    folder = _existing(run)
    from aimkit.train.verify import verify as problems_of

    found = list(problems_of(folder))
    for line in found:
        console.out(line)
    if found:
        hint = "restore the files from a copy, or remove a damaged checkpoint: --resume continues from the previous one"
        raise AimkitError(f"{len(found)} problems in the run", str(folder), hint, exit_code=1)
    console.out(f"ok: {folder}")


@runs.command()
@click.argument("folders", nargs=-1, required=True)
@click.option(
    "--group", is_flag=True, help="One row for folders whose names differ in a final number: linear-1, linear-seed2."
)
@click.option(
    "--results", metavar="NAME", help="Compare by the evaluation RUN/NAME/results.json, not by the validation."
)
@click.option("--json", is_flag=True, help="Print JSON.")
def compare(folders: tuple[str, ...], group: bool, results: str | None, json: bool) -> None:
    """Compare runs by their best validation. Runs that differ only in their seed share a row: mean +- deviation.

    FOLDERS are runs, or folders of runs.
    """
    from aimkit.errors import AimkitError

    paths = [_existing(folder) for folder in folders]
    from aimkit.train.runs import by_name, differing_keys, find_runs, groups, mean_and_spread, measured

    found = [run for path in paths for run in find_runs(path)]
    if not found:
        raise AimkitError("no runs to compare", ", ".join(folders), "name folders that contain recipe.toml")
    together = by_name(found) if group else groups(found)
    for name, members in together if group else ():
        keys = [key for key in differing_keys(members) if key != "seed"]
        if keys:
            console.warn(f"{name}: its runs differ in more than their seed: {', '.join(keys)}")
    if results:
        _check_protocols([run.path / results for run in found])
        together = [(name, [measured(run, results) for run in members]) for name, members in together]
        found = [run for _, members in together for run in members]
    types = sorted({name for run in found for name in run.best if name.startswith("mad/")})
    rows = []
    for name, members in together:
        row: dict[str, object] = {"run": name, "seeds": len(members)}
        for score in ("mad", *types, "mse", "sad", "grad", "conn"):
            mean, spread = mean_and_spread(members, score)
            row[score] = {"mean": mean, "deviation": spread} if json else f"{mean:.4g}" + _deviation(spread, members)
        rows.append(row)
    if json:
        console.out(json_format.dumps(rows, indent=1))
    else:
        console.table(list(rows[0]), [list(row.values()) for row in rows])


@runs.command()
@click.argument("run")
@click.argument("results", nargs=-1)
@click.option("-o", "--out", help="HTML file to write. Default: RUN/report.html.")
@click.option("--title", default="", help="Heading. Default: the run's name.")
@click.option("--note", "notes", multiple=True, help="A paragraph for the top of the page. Repeatable.")
@click.option("--predictions", metavar="DIR", help="Folder of predicted mattes, for pictures.")
@click.option("--truth", metavar="DIR", help="Folder of their images and true mattes: original/ and mask/.")
@click.option("--dataset", metavar="DIR", help="A written dataset to show: sheet, statistics, provenance.")
@click.option("--sheet", metavar="FILE", help="Sheet of 'aimkit predict --sheet', PNG, to show.")
@click.option(
    "--rows", type=click.IntRange(1, 20), default=3, show_default=True, help="Number of pictures of each type."
)
def report(
    run: str,
    results: tuple[str, ...],
    out: str | None,
    title: str,
    notes: tuple[str, ...],
    predictions: str | None,
    truth: str | None,
    dataset: str | None,
    sheet: str | None,
    rows: int,
) -> None:
    """Write a page of a RUN: data, results, pictures.

    RESULTS are folders or results.json files of 'aimkit evaluate'. The first is the run's; it is compared with the
    others.
    """
    from aimkit.errors import AimkitError
    from aimkit.evaluate.results import read_results
    from aimkit.evaluate.sets import open_predictions
    from aimkit.train.experiment import Experiment, write_experiment
    from aimkit.train.runs import open_run

    if (predictions is None) != (truth is None):
        raise AimkitError("--predictions and --truth need each other", "--predictions, --truth", "give both or neither")
    folder = open_run(expand(run)).path
    pairs = open_predictions(predictions, truth) if predictions and truth else None
    target = expand(out, "--out") if out else folder / "report.html"
    loaded, files = [read_results(name) for name in results], [expand(name) for name in results]
    shown = {name: None if value is None else expand(value) for name, value in (("dataset", dataset), ("sheet", sheet))}
    verdict = write_experiment(target, Experiment(folder, loaded, files, pairs, title, notes, **shown), rows=rows)
    if verdict:
        console.out(verdict)
    console.out(str(target))


@runs.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("-o", "--out", required=True, help="Folder to write.")
def average(runs: tuple[str, ...], out: str) -> None:
    """Average the weights of several RUNS.

    RUNS are runs, weights files or zoo ids, which started from the same weights. Use the folder as weights of other
    commands, or train on from it with model.init=FOLDER.
    """
    from aimkit.train.mean import write_mean

    console.out(str(write_mean(runs, expand(out, "--out"))))


def _existing(folder: str) -> Path:
    """The folder of an argument, before torch is imported, which takes seconds."""
    from aimkit.errors import AimkitError

    path = expand(folder)
    if not path.is_dir():
        raise AimkitError("folder not found", str(path), "name a run, or a folder of runs")
    return path


def _check_protocols(files: Sequence[Path]) -> None:
    """Raise an AimkitError unless all results have the same protocol."""
    from aimkit.errors import AimkitError
    from aimkit.evaluate.protocol import differences
    from aimkit.evaluate.results import read_results

    protocols = [read_results(file)["protocol"] for file in files]
    for file, protocol in zip(files, protocols, strict=True):
        unequal = differences(protocols[0], protocol)
        if unequal:
            what = "the protocols differ, so the numbers can't be compared:\n  " + "\n  ".join(unequal)
            raise AimkitError(what, f"{files[0]}, {file}")


def _deviation(spread: float, members: Sequence[object]) -> str:
    return f" +- {spread:.2g}" if len(members) > 1 else ""
