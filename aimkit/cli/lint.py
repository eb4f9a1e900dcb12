"""aimkit lint: check data before training on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from aimkit import console
from aimkit.cli.own_data import own_data
from aimkit.skips import STRICT_EXIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimkit.lint.registry import LintFinding
    from aimkit.lint.run import LintResult
    from aimkit.lint.view import Predict
    from aimkit.types import Float, UInt8

#: Findings of a check that are shown on screen; --json and --html have all.
_SHOWN = 5


@click.command()
@click.argument("target", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@own_data
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", "page", metavar="FILE", help="Also write a page with thumbnails.")
@click.option("--fix", is_flag=True, help="Write a corrected copy of the folder to -o OUT; TARGET is never changed.")
@click.option("-o", "--out", metavar="OUT", help="New folder for --fix.")
@click.option("--with-network", is_flag=True, help="Also look for subjects in backgrounds with the default weights.")
@click.option(
    "--weights",
    default="default",
    help="Weights for --with-network: a file, the folder of a training run, or a zoo id.  [default: the zoo's default]",
)
@click.option(
    "--against",
    multiple=True,
    metavar="SET",
    help="A test set that must not be in TARGET: a folder, hf:NAME or a name such as aim500. Repeatable.",
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check. Repeatable.")
@click.option("--ignore", multiple=True, metavar="CHECK", help="Do not run this check. Repeatable.")
@click.option("--workers", type=click.IntRange(1), help="Threads.  [default: processors + 1, at most 16]")
@click.option("--list", "list_checks", is_flag=True, help="List the checks and exit.")
@click.option("--strict", is_flag=True, help="Exit with code 3 if there are warnings.")
def lint(
    target: str | None,
    overrides: tuple[str, ...],
    foregrounds: str,
    mattes: str,
    backgrounds: str,
    as_json: bool,
    page: str | None,
    fix: bool,
    out: str | None,
    with_network: bool,
    weights: str,
    against: tuple[str, ...],
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    workers: int | None,
    list_checks: bool,
    strict: bool,
) -> int:
    """Check a folder, a recipe's sources or a written dataset for faults that spoil training.

    TARGET is a folder (cut-outs, backgrounds, fg/ with alpha/, original/ with mask/, at any depth), a recipe, the OUT
    folder of 'aimkit synth', a pool, or hf:NAME: a dataset on the hub, or of parquet files. Folders and parts named
    train, val and test are splits. With a recipe, KEY=VALUE, --foregrounds, --mattes and --backgrounds work as in
    'aimkit synth'.

    The exit code is 0 when there are no errors, 1 when there are, and 3 with --strict when there are warnings.
    """
    from aimkit.lint.registry import all_checks

    if list_checks:
        rows = [(name, info.severity, info.fix or "-", info.advice) for name, info in all_checks().items()]
        console.table(["check", "severity", "--fix", "what to do"], rows)
        return 0
    from aimkit.errors import AimkitError
    from aimkit.files import write_bytes
    from aimkit.lint import report
    from aimkit.lint.collect import collect, collect_known
    from aimkit.lint.fix import check_output, write_fixed
    from aimkit.lint.run import lint as run
    from aimkit.recipe import expand

    if not target:
        raise AimkitError("missing argument TARGET", hint="aimkit lint --help")
    if fix != bool(out):
        raise AimkitError("--fix and -o OUT belong together", hint="aimkit lint FOLDER --fix -o NEW_FOLDER")
    found = collect(target, overrides, {"foregrounds": foregrounds, "mattes": mattes, "backgrounds": backgrounds})
    goal = check_output(found, expand(out, "--out")) if out else None
    result = run(
        found,
        against=[collect_known(one) for one in against],
        only=only,
        ignore=ignore,
        predict=_network(weights) if with_network else None,
        thumbnails=bool(page),
        workers=workers or 0,
    )
    if page:
        write_bytes(expand(page, "--html"), report.as_page(result).encode())
        console.info(f"page: {page}")
    if as_json:
        console.out(json.dumps(report.as_json(result), indent=1))
    else:
        _tell(result)
    if goal is not None:
        changes = write_fixed(result, goal)
        console.info(f"wrote {goal}: {len(changes)} changes, listed in {goal / 'lint-fixes.json'}")
    if result.counts["error"]:
        return 1
    return STRICT_EXIT if strict and result.counts["warning"] else 0


def _tell(result: LintResult) -> None:
    from aimkit.lint.report import by_check
    from aimkit.printable import on_one_line

    for note in result.folder.target.notes:
        console.warn(note)
    for name, found in by_check(result.findings).items():
        console.out(f"{found[0].severity}: {name} ({len(found)})")
        for one in found[:_SHOWN]:
            console.out(f"  {on_one_line(_named(one))}")
        if len(found) > _SHOWN:
            console.out(f"  ... and {len(found) - _SHOWN} more")
        console.out(f"  -> {found[0].advice}")
    counts = ", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in result.counts.items())
    console.out(f"{len(result.folder.records)} pictures and pairs checked: {counts}")


def _named(finding: LintFinding) -> str:
    names: Sequence[str] = finding.files
    return f"{' = '.join(names) if len(names) > 1 and 'duplicate' in finding.check else names[0]}: {finding.what}"


def _network(weights: str) -> Predict:
    from aimkit.predict.predictor import Predictor

    predictor = Predictor.load(weights, foreground=False)

    def predict(photo: UInt8) -> Float:
        return predictor(photo).alpha

    return predict
