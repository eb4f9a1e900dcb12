"""Boards: published and own results on one test set, with what is known of their training.

A number counts only if the network never saw the test set: rows of others, and of networks of unknown training, are
listed below a line and have no rank. The files are ``zoo/board/*.toml``; your own rows lie beside your zoo entries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import Field, model_validator

from aimkit import resources
from aimkit.errors import AimkitError
from aimkit.evaluate.results import read_results
from aimkit.evaluate.tables import model_name
from aimkit.files import write_bytes
from aimkit.publish.add import metric_of
from aimkit.publish.known_weights import entry_of
from aimkit.recipe import Block, parse
from aimkit.redact import redact_all
from aimkit.registry import did_you_mean
from aimkit.toml_files import read_toml
from aimkit.zoo.manifest import METRIC, ZooEntry, entries, own_folders

#: Whether a network saw the test set or its look-alikes in training or in the choice of the model.
Seen = Literal["no", "yes", "unknown"]
_WHY = {"yes": "as its authors say", "unknown": "its training data are not stated"}
_COUNT = re.compile(r"\b(\d+) (?:images|photos|portraits)\b")


class BoardRow(Block):
    """One result.

    Attributes:
        method: Name of the method.
        training: Its training data; "" if it is not known.
        source: Where the numbers are printed, or who measured them.
        url: Address of the source, or "".
        protocol: How they were measured, with the number of images.
        seen: Whether the network saw the test set or its look-alikes.
        why: Reason for "yes" or "unknown".
        weights: Digest of the network's values, as results.json tells it, or "".
        values: Value by metric, as in the zoo's manifests.
    """

    method: str = Field(min_length=1)
    training: str = ""
    source: str = Field(min_length=1)
    url: str = Field("", pattern=r"^(https?://\S+)?$")
    protocol: str = ""
    seen: Seen
    why: str = ""
    weights: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    values: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_enough(self) -> BoardRow:
        if self.seen == "no" and not self.training:
            raise ValueError("a row whose network did not see the test set needs 'training'")
        if self.seen != "no" and not self.why:
            raise ValueError("'why' is missing: what the network saw, or what is not known")
        if self.values and not _COUNT.search(self.protocol):
            raise ValueError("'protocol' must give the number of images")
        if not self.values and self.seen != "yes":
            raise ValueError("a row needs values, unless its network saw the test set")
        wrong = [name for name in self.values if not METRIC.fullmatch(name)]
        if wrong:
            raise ValueError(f"unknown metric {', '.join(wrong)}")
        return self


class BoardRows(Block):
    """A file of rows for one board."""

    row: tuple[BoardRow, ...] = ()


class Board(BoardRows):
    """A packaged board.

    Attributes:
        title: Name of the test set.
        about: Its content and the units of the metrics.
        page: Address of the test set.
        count: Number of images; rows over fewer have no rank.
        tests: Names of the test set in protocols.
        alike: Names in the key ``seen`` of zoo entries that mean the test set or its look-alikes.
        barring: Names of training sets that hold images of the test set.
        metrics: Columns; the first one ranks, smaller is better.
        notes: Further remarks.
        row: The rows.
    """

    title: str
    about: str
    page: str = Field(pattern=r"^https?://\S+$")
    count: int = Field(ge=1)
    tests: tuple[str, ...] = Field(min_length=1)
    alike: tuple[str, ...] = Field(min_length=1)
    barring: tuple[str, ...] = ()
    metrics: tuple[str, ...] = Field(min_length=1)
    notes: str = ""


@dataclass(frozen=True)
class Standings:
    """The rows of a board.

    Attributes:
        board: The board.
        ranked: Rows with a rank, the best first.
        below: Rows without one, each with the reason.
    """

    board: Board
    ranked: list[BoardRow]
    below: list[tuple[BoardRow, str]]


def board_names() -> list[str]:
    """Names of the packaged boards."""
    return [file.stem for file in sorted((resources.folder("zoo") / "board").glob("*.toml"))]


def read_board(name: str) -> Board:
    """Read a packaged board.

    Raises:
        AimkitError: There is no such board, or its file is invalid.
    """
    known = board_names()
    if name not in known:
        hint = did_you_mean(name, known) or f"boards: {', '.join(known)}"
        raise AimkitError(f"unknown board '{name}'", hint=hint)
    file = resources.folder("zoo") / "board" / f"{name}.toml"
    return parse(Board, read_toml(file), str(file))


def standings(name: str, files: Sequence[Path] = ()) -> Standings:
    """Rank the rows of a board: the packaged ones, those of zoo entries, your own, and those of more files.

    Raises:
        AimkitError: There is no such board, or a file is invalid.
    """
    board = read_board(name)
    rows = list(board.row)
    printed = {row.values.get(board.metrics[0]) for row in rows}
    for entry in entries():
        # A printed number that the board has already is not listed twice.
        own = rows_of_entry(entry, board)
        rows += [row for row in own if row.values.get(board.metrics[0]) not in printed or "aimkit" in row.source]
    for file in [*_own_files(name), *files]:
        rows += parse(BoardRows, read_toml(file), str(file)).row
    saw = {row.weights: row.method for row in rows if row.seen == "yes" and row.weights}
    reasons = [(row, _unranked(row, board, saw.get(row.weights, ""))) for row in rows]
    ranked = sorted(
        (row for row, why in reasons if not why), key=lambda row: (row.values[board.metrics[0]], row.method)
    )
    below = [(row, why) for row, why in reasons if why]
    return Standings(board, ranked, below)


def rows_of_entry(entry: ZooEntry, board: Board) -> list[BoardRow]:
    """The results of a zoo entry on a board's test set."""
    seen, why = _seen(entry, board)
    training = entry.trained_on
    return [
        BoardRow(
            method=entry.id,
            training=training,
            source=f"{metric.origin}, zoo entry",
            url=entry.paper or "",
            protocol=metric.protocol,
            seen=seen,
            why=why,
            values=metric.values,
        )
        for metric in entry.metrics
        if metric.test_set in board.tests
    ]


def add_row(
    results: Path,
    *,
    method: str = "",
    training: str = "",
    seen: Seen | None = None,
    why: str = "",
    url: str = "",
    target: Path | None = None,
) -> tuple[str, Path, BoardRow]:
    """Add a row from the results of an evaluation; a row of the same method and protocol is replaced.

    Of weights that are a zoo entry, by their values and not by their name, training data and test sets that they saw
    come from the entry. Of others, they must be given, or the row has no rank.

    Args:
        results: A ``results.json`` of ``aimkit evaluate``, or its folder.
        method: Name of the method; that of the results if empty.
        training: Training data.
        seen: Whether the network saw the test set or its look-alikes.
        why: Reason for "yes" or "unknown".
        url: Address of a page about the method.
        target: File of rows to add to; by default your own file of the board.

    Returns:
        Name of the board, the file, and the row.

    Raises:
        AimkitError: The results are those of no board, or contradict what the zoo knows of the weights.
    """
    content, metric = read_results(results), metric_of(results)
    name = next((name for name in board_names() if metric["test_set"] in read_board(name).tests), "")
    if not name:
        what = f"there is no board for the results on '{metric['test_set']}'"
        raise AimkitError(what, str(results), f"boards: {', '.join(board_names())}")
    board = read_board(name)
    if content.get("skipped"):
        what = f"the results leave out {len(content['skipped'])} images, so they are not those of the set"
        raise AimkitError(what, str(results), "its notes name them; correct them and evaluate again")
    digest = str(content["model"].get("weights_digest", ""))
    entry, certain = entry_of(str(content["model"].get("weights", "")), digest)
    known: Seen = "unknown"
    if entry is not None:
        known, reason = _seen(entry, board)
        if known == "no" and not certain:
            known = "unknown"
            reason = f"only their name says that the weights are {entry.id} (aimkit zoo pull {entry.id} compares them)"
        if known == "yes" and seen == "no":
            what = f"the zoo says that these weights saw the test set: {reason}"
            raise AimkitError(what, entry.id, "leave out --seen")
        training = training or (entry.trained_on if known != "unknown" else "")
        why = why or reason
    seen = seen or known
    row = {
        "method": method or model_name(content),
        "training": training,
        "source": "aimkit evaluate",
        "url": url,
        "protocol": metric["protocol"],
        "seen": seen,
        "why": "" if seen == "no" else why or _WHY[seen],
        "weights": digest,
        "values": metric["values"],
    }
    file = target or _own_file(name)
    made = parse(BoardRow, redact_all(row), "the new row")
    before = parse(BoardRows, read_toml(file), str(file)).row if file.is_file() else ()
    kept = [one for one in before if (one.method, one.protocol) != (made.method, made.protocol)]
    table = {"row": [one.model_dump(mode="json", exclude_defaults=True) for one in (*kept, made)]}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, (f"# Rows of the board {name}: aimkit zoo board {name}\n\n" + tomli_w.dumps(table)).encode())
    return name, file, made


def as_json(found: Standings) -> dict[str, Any]:
    """Standings as JSON values."""
    board = found.board.model_dump(mode="json", exclude={"row"})
    ranked = [{"rank": rank, **row.model_dump(mode="json")} for rank, row in enumerate(found.ranked, 1)]
    below = [{**row.model_dump(mode="json"), "unranked": why} for row, why in found.below]
    return {"board": board, "ranked": ranked, "below": below}


def _seen(entry: ZooEntry, board: Board) -> tuple[Seen, str]:
    names = {name.casefold() for name in (*board.alike, *board.tests)}
    for name in entry.seen:
        if name.casefold() in names:
            return "yes", f"its entry lists {name} as seen"
    barring = {name.casefold() for name in board.barring}
    for data in entry.data:
        if data.name.casefold() in barring:
            return "yes", f"trained on {data.name}"
    return ("no", "") if entry.data else ("unknown", "its entry states no training data")


def _unranked(row: BoardRow, board: Board, twin: str) -> str:
    """Why a row has no rank; "" if it has one. ``twin`` is a row of the same weights that saw the test set, or ""."""
    if row.seen != "no":
        return ("saw the test set: " if row.seen == "yes" else "not known: ") + row.why
    if twin:
        return f"saw the test set: its weights are those of {twin}"
    named = [name for name in board.barring if name.casefold() in row.training.casefold()]
    if named:
        return f"saw the test set: its training data name {named[0]}"
    if board.metrics[0] not in row.values:
        return f"has no {board.metrics[0].upper()}"
    found = _COUNT.search(row.protocol)
    count = int(found[1]) if found else 0
    return "" if count == board.count else f"over {count} of {board.count} images"


def _own_files(name: str) -> list[Path]:
    return [file for folder in own_folders() if (file := folder / "board" / f"{name}.toml").is_file()]


def _own_file(name: str) -> Path:
    if not own_folders():
        raise AimkitError("there is no home folder for your own rows", "--to", "add --to FILE, or set AIMKIT_ZOO")
    return own_folders()[0] / "board" / f"{name}.toml"
