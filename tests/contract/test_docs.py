"""The README and the site: every command parses, every block of Python runs, every list is complete."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

import aimkit
from aimkit.cli import COMMANDS, cli, run
from aimkit.errors import AimkitError
from aimkit.recipe import load_recipe
from aimkit.resources import recipes

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    if "_build" not in path.parts
}
#: Pages whose Python runs in this process, in a second each. The others register entries, or load or build networks.
QUICK = {name for name in PAGES if name.startswith("docs/concepts/")} | {"docs/guides/evaluation.md"}
FENCE = re.compile(r"^(```+)([^\n]*)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
#: Commands whose first argument is a recipe, and the kind of it.
KINDS = {"synth": "synth", "preview": "synth", "train": "train", "sweep": "train", "evaluate": "evaluate"} | {
    "learning-curve": "train"
}


def blocks(text: str, languages: tuple[str, ...]) -> list[str]:
    return [body for _, language, body in FENCE.findall(text) if language.strip() in languages]


def shell_lines(text: str) -> Iterator[str]:
    """The lines of the shell in a page, continued lines joined, and what is written as `aimkit ...` in prose."""
    for body in blocks(text, ("", "bash", "shell")):
        yield from body.replace("\\\n", " ").splitlines()
    prose = re.sub(r"\s+", " ", FENCE.sub("", text))
    yield from re.findall(r"`(aimkit [^`]+)`", prose)


def commands(text: str) -> Iterator[list[str]]:
    """The words of every aimkit command of a page, without `aimkit`."""
    for line in shell_lines(text):
        found = re.search(r"(?:^\s*|&& |; |run |-m )aimkit( (?!\|).*|$)", line)
        if found and not line.startswith("error") and "registry.example" not in line:
            words = shlex.split(found[1].replace("...", "ELLIPSIS"), comments=True)
            ends = [i for i, word in enumerate(words) if word in ("&&", "|", ";", ">") or word.endswith(";")]
            yield words[: ends[0]] if ends else words


def check_command(words: list[str]) -> None:
    """Follow the words down to a command, and parse its options as it does; nothing runs."""
    command: click.Command = cli
    context = click.Context(cli, info_name="aimkit")
    rest = list(words)
    path: list[str] = []
    while isinstance(command, click.Group):
        options = command.make_parser(context)
        options.allow_interspersed_args = False
        # A group that takes an argument of its own would take the name of a subcommand for it.
        if not (rest and rest[0] in command.list_commands(context)):
            _, rest, _ = options.parse_args(rest)
        nested = command.get_command(context, rest[0]) if rest else None
        if nested is None:
            # A group alone, such as `aimkit evaluate RECIPE`, or one that is only named, such as `aimkit bench`.
            assert path or not rest, f"unknown command {rest[0]}"
            assert not rest or command.params or "ELLIPSIS" in rest, f"unknown command {' '.join([*path, rest[0]])}"
            break
        path.append(rest.pop(0))
        command, context = nested, click.Context(nested, info_name=" ".join(path))
    parser = command.make_parser(context)
    parser.allow_interspersed_args = True
    values, _, order = parser.parse_args(rest)
    for param in order:
        value = values.get(param.name or "")
        if isinstance(param, click.Option) and isinstance(param.type, click.Choice) and "ELLIPSIS" not in str(value):
            param.type_cast_value(context, value)
    kind, recipe = KINDS.get(path[0] if path else ""), values.get("recipe")
    if f"{kind}/{recipe}" in recipes():
        # Arguments that are not given are sentinels of click.
        given = {name: value for name, value in values.items() if isinstance(value, list | tuple)}
        varied = [re.sub(",.*", "", one) for one in given.get("vary", ())]
        overrides = [one for one in [*given.get("overrides", ()), *varied] if "=" in one and "ELLIPSIS" not in one]
        load_recipe(str(recipe), overrides, kind=kind)


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if any(commands(text))])
def test_the_commands_of_a_page_exist_with_their_options_and_overrides(page: str) -> None:
    problems = []
    for words in commands(PAGES[page]):
        try:
            check_command(words)
        except click.ClickException as error:
            problems.append(f"aimkit {shlex.join(words)}: {error.format_message()}")
        except (AimkitError, AssertionError) as error:
            problems.append(f"aimkit {shlex.join(words)}: {error}")
    assert problems == []


@pytest.mark.parametrize(
    "line",
    ["synht demo", "synth demo --no-such-option", "synth demo labels.kernal=9", "pool biuld x", "export --to onxx"],
)
def test_a_wrong_command_is_found(line: str) -> None:
    with pytest.raises((click.ClickException, AimkitError, AssertionError)):
        check_command(shlex.split(line))


def test_the_commands_of_a_page_are_read_in_every_form() -> None:
    text = "See `aimkit zoo\nls`.\n\n```\nexport A=b   # c\naimkit synth x \\\n  -o y   # d\nrun -m aimkit train z\n```"
    assert list(commands(text)) == [["synth", "x", "-o", "y"], ["train", "z"], ["zoo", "ls"]]


def test_an_error_in_the_docs_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = [body for text in PAGES.values() for body in blocks(text, ("", "console")) if body.startswith("$ aimkit")]
    assert shown
    for body in shown:
        line, _, output = body.partition("\n")
        assert run(shlex.split(line.removeprefix("$ aimkit "))) == 2
        printed = capsys.readouterr().err.replace(f"{ROOT}{os.sep}", "")
        assert re.sub(r"\s+", " ", output).strip() in re.sub(r"\s+", " ", printed).strip()


def code_of(page: str) -> str:
    return "\n".join(blocks(PAGES[page], ("python",)))


@pytest.mark.parametrize("page", sorted(page for page in QUICK if code_of(page)))
def test_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a page one after another, as a reader would run them."""
    monkeypatch.chdir(tmp_path)
    exec(compile(code_of(page), page, "exec"), {"__name__": "docs"})


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(page for page in set(PAGES) - QUICK if code_of(page)))
def test_python_of_a_page_runs_alone(page: str, tmp_path: Path) -> None:
    """In a process of its own, in a folder that has what the page names."""
    _images(tmp_path)
    if "out/demo" in code_of(page):
        small = ["placement.height=64", "placement.width=64"]
        assert run(["synth", "demo", "-o", str(tmp_path / "out/demo"), "-n", "3", "--workers", "0", *small]) == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AIMKIT_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    environment |= {"HF_DATASETS_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code_of(page)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]


def examples_of_docstrings() -> dict[str, str]:
    """The fenced examples in docstrings, by module and name."""
    found = {}
    for path in sorted((ROOT / "aimkit").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for code in blocks(ast.get_docstring(node) or "", ("python",)):
                    found[f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'name', '')}"] = code
    return found


def test_examples_in_docstrings_are_python_and_name_what_exists() -> None:
    found = examples_of_docstrings()
    assert "aimkit/predict/predictor.py:Predictor" in found
    for code in found.values():
        for name in re.findall(r"\baimkit(?:\.\w+)+", code):
            value: Any = aimkit
            for part in name.split(".")[1:]:
                value = getattr(value, part)
        ast.parse(code)


@pytest.mark.slow
def test_the_example_of_the_backbone_contract_runs() -> None:
    from aimkit.models import registry
    from aimkit.models.backbones import contract

    names = {**vars(registry), **vars(contract)}
    try:
        exec(examples_of_docstrings()["aimkit/models/backbones/contract.py:"], names)
        assert names["model"](contract.torch.zeros(1, 3, 64, 64)).alpha.shape == (1, 1, 64, 64)
    finally:
        registry.backbones._entries.pop("tiny", None)


def _images(folder: Path) -> None:
    """A photo, and a folder of photos with one of mattes."""
    generator = np.random.default_rng(0)
    photo = generator.integers(0, 255, (96, 128, 3), np.uint8)
    matte = np.zeros((96, 128), np.uint8)
    matte[24:72, 32:96] = 255
    Image.fromarray(photo).save(folder / "photo.jpg")
    for name, plane in (("photos", photo), ("mattes", matte)):
        (folder / "my" / name).mkdir(parents=True)
        Image.fromarray(plane).save(folder / "my" / name / "1.png")


def test_the_readme_is_short() -> None:
    text = PAGES["README.md"]
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1200


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_files(page: str) -> None:
    text = FENCE.sub("", PAGES[page])
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
        if not re.match(r"\w+:", target):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_every_command_has_a_line_in_a_guide() -> None:
    named = {words[0] for name, text in PAGES.items() if name.startswith("docs/") for words in commands(text) if words}
    assert sorted(set(COMMANDS) - named) == []


def test_every_recipe_has_a_row_or_a_command_in_a_guide() -> None:
    guides = "\n".join(text for name, text in PAGES.items() if "guides/" in name)
    rows = [line.split("|")[1] for line in guides.splitlines() if line.startswith("|")]
    # `procedural-so`, `-stm`: the ending of a name like the one before.
    first = " ".join(re.sub("`-", "`procedural-", row) for row in rows)
    names = [name.split("/") for name in recipes()]
    assert [n for kind, n in names if f"`{n}`" not in first and f"aimkit {kind} {n} " not in guides] == []


@pytest.mark.parametrize(
    ("module", "registry"),
    [
        ("aimkit.generators", "generators"),
        ("aimkit.generators", "background_generators"),
        ("aimkit.synth.steps", "steps"),
        ("aimkit.predict.strategies", "strategies"),
    ],
)
def test_the_gallery_shows_every_entry(module: str, registry: str) -> None:
    entries = getattr(importlib.import_module(module), registry)
    text = PAGES["docs/gallery.md"] + PAGES["docs/guides/prediction.md"]
    packaged = [entry.name for entry in entries if _of_the_package(entry.value)]
    assert packaged
    assert [name for name in packaged if f"`{name}`" not in text] == []


def _of_the_package(value: Any) -> bool:
    """Whether an entry is aimkit's own; other tests register some."""
    return str(getattr(value, "__module__", "")).startswith("aimkit.")


def test_every_environment_variable_is_described() -> None:
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "aimkit").rglob("*.py"))]
    read = {name for text in sources for name in re.findall(r"\bAIMKIT_[A-Z_]+\b", text)}
    named = {name for text in sources for name in re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", text)}
    assert "AIMKIT_HOME" in read & named
    text = PAGES["docs/reference/environment.md"]
    assert sorted(name for name in read | named if f"`{name}`" not in text) == []


def test_the_version_has_one_source_and_a_section_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "aimkit/__init__.py"
    assert f"## [{aimkit.__version__}]" in PAGES["CHANGELOG.md"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == aimkit.__version__


def test_pictures_of_the_docs_are_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "docs").rglob("*.jpg") if "_build" not in path.parts]
    assert 0 < sum(sizes) <= 1_500_000


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(tmp_path / "html")]
    done = subprocess.run(
        build, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "html" / "reference" / "cli.html").is_file()
