"""aimkit lint in process: folders, recipes and datasets; JSON, the page, --fix, --strict."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hostile_names import HIDDEN, NAMES
from planted import cutout, matte, photo, subject, texture

from aimkit.cli import run
from aimkit.html import SCRIPT
from aimkit.imageio import write_png
from aimkit.lint.registry import all_checks


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Four clean cut-outs with a licence."""
    for i in range(4):
        write_png(tmp_path / f"clean/{i}.png", cutout(i))
    (tmp_path / "clean/LICENSE").write_text("CC0")
    return tmp_path / "clean"


def test_a_clean_folder_exits_with_0_and_says_so(clean: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["lint", str(clean), "--strict"]) == 0
    assert capsys.readouterr().out == "4 pictures and pairs checked: 0 errors, 0 warnings, 0 notes\n"


def test_errors_exit_with_1_warnings_with_3_only_if_strict(clean: Path) -> None:
    (clean / "LICENSE").unlink()
    assert run(["lint", str(clean), "--strict"]) == 0
    write_png(clean / "small.png", cutout(9, (80, 90)))
    assert run(["lint", str(clean)]) == 0
    assert run(["lint", str(clean), "--strict"]) == 3
    assert run(["lint", str(clean), "--strict", "--ignore", "tiny"]) == 0
    (clean / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert run(["lint", str(clean), "--strict"]) == 1
    assert run(["lint", str(clean), "--only", "tiny"]) == 0


def test_json_page_and_copy_come_from_one_pass(clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.copy(clean / "1.png", clean / "again.png")
    write_png(tmp_path / "test set/a.png", cutout(2))
    page, out = tmp_path / "page.html", tmp_path / "out"
    options = ["--json", "--html", str(page), "--against", str(tmp_path / "test set"), "--fix", "-o", str(out)]
    assert run(["lint", str(clean), *options]) == 1
    document = json.loads(capsys.readouterr().out)
    found = {one["check"]: one["files"] for one in document["findings"]}
    assert found == {"test-leak": ["2.png", "a.png"], "duplicate": ["again.png", "1.png"]}
    assert document["against"] == 1
    assert page.read_text().count("<img ") == 4
    assert sorted(path.name for path in out.iterdir()) == ["0.png", "1.png", "3.png", "LICENSE", "lint-fixes.json"]


def test_names_on_the_page_do_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for i, name in enumerate(name for name in NAMES if "/" not in name and "\udcff" not in name):
        write_png(folder / f"a{i}.png", cutout(1, (80, 90)))
        (folder / f"a{i}.png").rename(folder / f"{name}.png")
    assert run(["lint", str(folder), "--html", str(tmp_path / "p.html")]) == 0
    tags: list[tuple[str, list[tuple[str, str | None]]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append((tag, attrs))  # type: ignore[method-assign]
    text = (tmp_path / "p.html").read_text()
    parser.feed(text)
    assert text.count(f"<script>{SCRIPT.read_text()}enliven(document);</script>") == 1
    assert [tag for tag, _ in tags if tag in {"script", "svg", "a", "link", "iframe"}] == ["script"]
    assert not [name for _, attrs in tags for name, _ in attrs if name.startswith("on")]
    assert all(dict(attrs)["src"].startswith("data:") for tag, attrs in tags if tag == "img")
    assert not HIDDEN.search(text)
    assert "&#x27; onmouseover=" in text


def test_a_recipe_checks_the_folders_of_its_sources(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for i in range(2):
        write_png(tmp_path / f"p/original/{i}.png", photo(20 + i))
        write_png(tmp_path / f"p/mask/{i}.png", np.roll(matte(20 + i), 24 * i, 1))
        write_png(tmp_path / f"b/{i}.png", texture(30 + i))
    write_png(tmp_path / "b/left_out.png", cutout(3, (70, 70)))
    (tmp_path / "r.toml").write_text(
        f"""
kind = "synth"
count = 2
placement = {{mode = "canvas", height = 64, width = 64}}
foregrounds = [
  {{source = "cutouts", path = "{clean.as_posix()}", licence = "CC0"}},
  {{source = "photos", path = "{(tmp_path / "p").as_posix()}", name = "mine"}},
  {{source = "procedural"}},
]
backgrounds = [{{source = "folder", path = "{(tmp_path / "b").as_posix()}", exclude = ["left_out"], licence = "CC0"}}]
"""
    )
    assert run(["lint", str(tmp_path / "r.toml"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["roles"] == {"photo": 2, "single": 6}
    found = [(one["check"], Path(one["files"][0]).name) for one in document["findings"]]
    assert found == [("moved-matte", "1.png"), ("licence-missing", "foregrounds: mine")]
    own = ["--foregrounds", str(clean), "--backgrounds", str(tmp_path / "b")]
    assert run(["lint", "natural", "placement.height=64", *own, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 7


def test_a_written_dataset_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out"
    assert (
        run(
            [
                "synth",
                "demo",
                "-o",
                str(out),
                "count=3",
                "placement.height=128",
                "placement.width=128",
                "--workers",
                "0",
            ]
        )
        == 0
    )
    capsys.readouterr()
    run(["lint", str(out), "--json", "--ignore", "tiny"])
    document = json.loads(capsys.readouterr().out)
    assert document["roles"] == {"composite": 3}
    assert document["counts"]["error"] == 0


def test_with_network_names_backgrounds_with_subjects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """A stand-in sees what is brighter than any texture."""
    from aimkit.cli import lint as command

    write_png(tmp_path / "b/empty.png", texture(1) // 2)
    write_png(tmp_path / "b/subject.png", photo(2))

    def network(weights: str) -> object:
        assert weights == "default"
        return lambda rgb: (cv2.blur(rgb, (9, 9)).mean(axis=2) > 130).astype(np.float32)

    monkeypatch.setattr(command, "_network", network)
    arguments = ["lint", str(tmp_path / "b"), "--json", "--only", "subject-in-background"]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert run([*arguments, "--with-network", "--strict"]) == 3
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [one["files"] for one in found] == [["subject.png"]]


@pytest.mark.slow
def test_the_default_weights_find_a_subject(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_png(tmp_path / "b/a.png", cv2.resize(photo(2), (640, 576)))
    assert run(["lint", str(tmp_path / "b"), "--json", "--with-network"]) == 0
    assert "subject-in-background" in json.loads(capsys.readouterr().out)["checks"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "missing argument TARGET"),
        (["nothing-of-this-name"], "neither a folder nor a recipe"),
        ([".", "--fix"], "--fix and -o OUT belong together"),
        ([".", "--only", "binary-mate"], "unknown check 'binary-mate'"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "a.png", subject(1))
    assert run(["lint", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_list_names_all_checks(capsys: pytest.CaptureFixture) -> None:
    assert run(["lint", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in all_checks())


def test_a_train_recipe_whose_validation_reads_the_training_files_leaks(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Without a split, both sides draw from the same cut-outs; with one, they share none."""
    write_png(tmp_path / "b/1.png", texture(1))
    for name, split in (("leaky", ""), ("sound", ', split = "{side}"')):
        for side in ("train", "val"):
            table = f'{{source = "cutouts", path = "{clean.as_posix()}", licence = "CC0"{split.format(side=side)}}}'
            (tmp_path / f"{name}_{side}.toml").write_text(
                f'kind = "synth"\ncount = 2\nplacement = {{mode = "canvas", height = 64, width = 64}}\n'
                f'foregrounds = [{table}]\nbackgrounds = [{{source = "procedural"}}]\n'
            )
        stream = '{{source = "synth", recipe = "{}"}}'
        recipes = [stream.format((tmp_path / f"{name}_{side}.toml").as_posix()) for side in ("train", "val")]
        text = f'kind = "train"\ndata.train = {recipes[0]}\nvalidation.data = {recipes[1]}\n'
        (tmp_path / f"{name}.toml").write_text(text)
    assert run(["lint", str(tmp_path / "leaky.toml"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(one["check"], Path(one["files"][0]).name) for one in found] == [
        ("split-leak", f"{i}.png") for i in range(4)
    ]
    assert run(["lint", str(tmp_path / "sound.toml"), "--strict"]) == 0
