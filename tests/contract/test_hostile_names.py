"""Names from elsewhere are shown as they are and do nothing: in every card, table and line of the terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile_names import HIDDEN, HOSTILE, NAMES, evaluation_result
from markdown_it import MarkdownIt
from markdown_it.token import Token

from aimkit import console, markdown
from aimkit.errors import AimkitError
from aimkit.evaluate.compare import compare, comparison_table
from aimkit.evaluate.results import write_results
from aimkit.evaluate.tables import group_table, summary_table
from aimkit.evaluate.tables import markdown as results_markdown
from aimkit.printable import on_one_line, printable
from aimkit.recipe import parse
from aimkit.skips import Skips
from aimkit.zoo.manifest import ZooEntry

# --- the two ways to show a name ---


@pytest.mark.parametrize("name", NAMES)
def test_a_shown_name_is_harmless_and_tells_what_it_was(name: str) -> None:
    shown = printable(name)
    assert not HIDDEN.search(shown)
    if not HIDDEN.search(name):
        assert shown == name
    assert not re.search(r"[\n\t]", on_one_line(name))
    # As JSON reads the escapes of hidden characters, nothing is lost.
    assert re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), shown) == name


# --- the terminal ---


def _blanks(text: str) -> str:
    """A text with one blank for each tab or run of blanks: rich draws tabs as blanks."""
    return re.sub(r"[\t ]+", " ", text)


def _said(capsys: pytest.CaptureFixture[str], say: Callable[[], object]) -> str:
    console.set_verbosity(1)
    say()
    found = capsys.readouterr()
    return found.out + found.err


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_the_terminal_obeys_a_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    def skip() -> None:
        skips = Skips("photo")
        skips.add(name, AimkitError(name, name, name))
        skips.tell(2)

    def count() -> None:
        with console.progress(2, name) as bar:
            bar.advance()

    ways: dict[str, Callable[[], object]] = {
        "info": lambda: console.info(name),
        "warn": lambda: console.warn(name),
        "detail": lambda: console.detail(name),
        "out": lambda: console.out(name),
        "error": lambda: console.error(AimkitError(name, name, name)),
        "table": lambda: console.table([name, "b"], [[name, 1], [name, 2]], title=name),
        "progress": count,
        "skips": skip,
    }
    for way, say in ways.items():
        said = _said(capsys, say)
        assert not HIDDEN.search(said), way
        if way in ("table", "progress", "skips"):
            assert on_one_line(name) in said, way
        else:
            assert _blanks(printable(name)) in _blanks(said), way


@pytest.mark.parametrize("name", NAMES)
def test_no_live_display_obeys_a_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, rich draws; it has markup, emoji and colours of its own."""
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "400")
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, Terminal())
    monkeypatch.setattr(console, "_stderr", None)
    console.table(["name", "n"], [[name, 1]], title=name)
    console.info(name)
    with console.progress(2, name) as bar:
        bar.advance()
    table, said = sys.stdout.getvalue(), sys.stderr.getvalue()  # type: ignore[attr-defined]
    styles = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
    assert on_one_line(name) in styles.sub("", table)
    for shown in (printable(name), on_one_line(name)):
        assert _blanks(shown) in _blanks(styles.sub("", said))
    assert not HIDDEN.search(styles.sub("", table + said))
    # The colours are rich's own: the name brings none.
    assert "\x1b[31m" not in (table + said).replace("\x1b[31mred", "\x1b[31m")


def test_an_ascii_terminal_takes_every_name() -> None:
    code = "from aimkit import console; console.out('\\u00e9\\udcff'); console.info('\\u00e9\\udcff')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"\\xe9\\udcff\n"


# --- cards ---


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return evaluation_result()


def _checked_tokens(text: str) -> list[Token]:
    """The tokens of a Markdown text, none of which is HTML, a link or a picture."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    inner = [child for token in tokens for child in (token.children or ())]
    active = {"html_block", "html_inline", "link_open", "image", "s_open", "strong_open", "em_open", "code_inline"}
    assert not [token.type for token in (*tokens, *inner) if token.type in active]
    assert not HIDDEN.search(text)
    return tokens


def _cells(tokens: list[Token]) -> list[list[str]]:
    """The texts of all rows of all tables."""
    rows: list[list[str]] = []
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("th_open", "td_open"):
            rows[-1].append("".join(child.content for child in token.children or ()))
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_of_a_card_is_read_back_as_the_name(name: str) -> None:
    rows = _cells(_checked_tokens(markdown.table(["a", name], [[name, 1], ["x", name]])))
    shown = on_one_line(name).strip()
    assert rows == [["a", shown], [shown, "1"], ["x", shown]]


@pytest.mark.parametrize("name", NAMES)
def test_front_matter_is_read_back_as_the_name(name: str) -> None:
    text = markdown.front_matter({"license": "other", "license_name": name, "tags": ["a", name]})
    assert text.startswith("---\n")
    assert text.endswith("\n---")
    read = yaml.safe_load(text.removeprefix("---").removesuffix("---"))
    assert read == {"license": "other", "license_name": printable(name), "tags": ["a", printable(name)]}


@pytest.mark.parametrize("name", NAMES)
def test_code_of_a_card_ends_at_its_own_fence(name: str) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).parse(markdown.fenced(f"a\n{name}\nb", "toml") + "\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content == f"a\n{printable(name)}\nb\n"


def _encodable(value: Any) -> Any:
    """Plain data without lone surrogates, which no TOML file can hold."""
    return json.loads(re.sub(r"\\udc[0-9a-f]{2}", "", json.dumps(value)))


def _zoo_card() -> str:
    from aimkit.publish.card import card

    metric = {"test_set": HOSTILE, "protocol": HOSTILE, "origin": HOSTILE, "values": {"sad": 1.0}}
    table = {
        "id": "aimnet_resnet34_mp.hostile",
        "architecture": "aimnet",
        "backbone": "resnet34_mp",
        "stage": "matting",
        "init": HOSTILE,
        "format": "safetensors",
        "licence": HOSTILE,
        "data": [{"name": name, "licence": HOSTILE, "origin": HOSTILE} for name in NAMES],
        "metrics": [metric],
        "recipe": HOSTILE,
        "paper": HOSTILE,
        "notes": "\n".join(NAMES),
    }
    return card(parse(ZooEntry, _encodable(table), "test"), HOSTILE)


def test_a_model_card_says_names_and_nothing_else() -> None:
    text = _zoo_card()
    _, front, body = text.split("---\n", 2)
    known = yaml.safe_load(front)
    assert set(known) == {
        "library_name",
        "pipeline_tag",
        "license",
        "license_name",
        "tags",
        "base_model",
        "model-index",
    }
    assert known["license"] == "other"
    tokens = _checked_tokens(body)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings == ["aimnet_resnet34_mp.hostile", "Use", "Training data", "Results", "Notes"]
    assert [token.info for token in tokens if token.type == "fence"] == ["python"]
    kinds = {token.type for token in tokens}
    assert not kinds & {"hr", "bullet_list_open", "ordered_list_open", "code_block", "blockquote_open"}


def test_a_datasets_card_says_names_and_nothing_else(tmp_path: Path) -> None:
    from tiny_source import tiny

    from aimkit.datasets.inspect.card import card
    from aimkit.datasets.reader import open_dataset
    from aimkit.synth.run import synthesize

    synthesize(tiny(4), tmp_path / "d")
    dataset = open_dataset(tmp_path / "d")
    sidecars = [dict(sidecar) for sidecar in dataset.sidecars()]
    sidecars[0]["sources"] = {"foreground": {name: {HOSTILE: {HOSTILE: 1}} for name in NAMES}}
    sidecars[0]["quarantined"] = [{"index": 0, "role": HOSTILE, "id": HOSTILE, "error": HOSTILE}]
    for about in sidecars[0]["types"].values():
        about["categories"] = dict.fromkeys(NAMES, 1)
    dataset.sidecars = lambda: sidecars  # type: ignore[method-assign, assignment, return-value]
    lock = tmp_path / "d" / "recipe.lock.toml"
    lock.write_text(lock.read_text() + "\n```\n<script>alert(1)</script>\n````\n---\n")
    _, front, body = card(dataset).split("---\n", 2)
    assert "license" not in yaml.safe_load(front)
    picture = next(line for line in body.splitlines() if line.startswith("![Some samples"))
    tokens = _checked_tokens(body.replace(picture, "", 1).replace("`", "", 2))
    assert [token.info for token in tokens if token.type == "fence"] == ["python", "toml"]
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[-3:] == ["Sources and licences", "Set aside", "Recipe"]
    assert ["foreground", on_one_line(NAMES[0]), *[on_one_line(HOSTILE)] * 2, "1"] in _cells(tokens)


def test_a_board_in_markdown_says_names() -> None:
    from aimkit.publish.board import BoardRow, Standings, read_board
    from aimkit.publish.board_page import as_markdown

    rows = [
        BoardRow.model_construct(method=name, training=name, source=HOSTILE, protocol=name, seen="yes", why=name)
        for name in NAMES
    ]
    board = read_board("aim500").model_copy(update={"title": HOSTILE, "about": HOSTILE, "notes": HOSTILE})
    text = as_markdown(Standings(board, rows, [(row, HOSTILE) for row in rows])).replace(f"<{board.page}>", "")
    cells = _cells(_checked_tokens(text))
    assert [row[1] for row in cells[1 : len(NAMES) + 1]] == [on_one_line(name).strip() for name in NAMES]


def test_results_in_markdown_and_on_screen_say_names(
    result: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [result, {**result, "model": {"name": "other"}}]
    columns, rows = comparison_table(compare(both, resamples=10))
    for table in (summary_table([result]), group_table(result), (columns, rows)):
        found = _cells(_checked_tokens(results_markdown(*table)))
        assert [len(row) for row in found] == [len(table[0])] * (len(table[1]) + 1)
        assert not HIDDEN.search(_said(capsys, lambda table=table: console.table(*table)))
    assert [row[0] for row in _cells(_checked_tokens(results_markdown(*group_table(result))))].count(
        on_one_line(NAMES[0])
    )


def test_hostile_names_survive_being_written(result: dict[str, Any], tmp_path: Path) -> None:
    write_results(tmp_path, _encodable(result))
    assert json.loads((tmp_path / "results.json").read_text())["model"]["name"] == _encodable(HOSTILE)
    _checked_tokens((tmp_path / "results.md").read_text(encoding="utf-8"))
