"""aimkit zoo board: published and own results on a test set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from aimkit import console
from aimkit.cli.evaluate import EvaluateGroup
from aimkit.errors import AimkitError


@click.group("board", cls=EvaluateGroup, invoke_without_command=True, subcommand_metavar="")
@click.argument("name", required=False)
@click.option("--with", "files", multiple=True, type=click.Path(path_type=Path), help="File with more rows.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown.")
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def board(name: str | None, files: tuple[Path, ...], as_markdown: bool, page: Path | None, as_json: bool) -> None:
    """Show published results and your own on a test set; without NAME, list the boards.

    Only networks that never saw the test set or its look-alikes are ranked, and only over all its images. The others
    are listed below, with the reason. 'aimkit zoo board add RESULTS' adds a row.
    """
    from aimkit.publish import board as boards

    if name is None:
        if files or as_markdown or page:
            raise AimkitError("missing argument NAME", hint=f"boards: {', '.join(boards.board_names())}")
        found = {one: boards.read_board(one) for one in boards.board_names()}
        if as_json:
            console.out(json.dumps({one: about.title for one, about in found.items()}, indent=1))
        else:
            console.table(["board", "test set", "images"], [(n, b.title, b.count) for n, b in found.items()])
        return
    standings = boards.standings(name, files)
    from aimkit.publish import board_page as pages

    if page is not None:
        from aimkit.files import write_bytes

        write_bytes(page, pages.as_page(standings).encode())
    if as_json:
        console.out(json.dumps(boards.as_json(standings), indent=1))
    elif as_markdown:
        console.out(pages.as_markdown(standings).rstrip())
    elif page is not None:
        console.out(str(page))
    else:
        _print(standings)


def _print(standings: Any) -> None:
    from aimkit.publish.board_page import BELOW, below_table, ranked_table

    least = ["protocol", "source", "training data"]
    console.table(*ranked_table(standings), title=standings.board.title, drop=least)
    if standings.below:
        console.out("")
        console.table(*below_table(standings), title=BELOW, drop=least)
    console.info(f"{standings.board.about} {standings.board.notes}".strip())


@board.command("add", short_help="Add a row from results.json.")
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--method", default="", help="Name of the method.  [default: that of the results]")
@click.option("--training", default="", help="Training data.  [default: that of the zoo entry]")
@click.option(
    "--seen", type=click.Choice(["no", "yes", "unknown"]), help="Whether the network saw the test set or look-alikes."
)
@click.option("--why", default="", help="Reason for --seen yes or unknown.")
@click.option("--url", default="", help="Page about the method.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="File of rows.  [default: your own]")
def add(results: Path, **options: Any) -> None:
    """Add the RESULTS of an evaluation to the board of its test set.

    The training data of zoo entries is known. For other weights, state --training and --seen no; else the row has no
    rank.
    """
    from aimkit.publish.board import add_row

    name, file, row = add_row(results, **options)
    console.info(f"board {name}: {row.method}" + ("" if row.seen == "no" else f", not ranked ({row.why})"))
    console.out(str(file))
