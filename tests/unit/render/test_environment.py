"""``aimkit render --setup`` with a pip that is a small script: whole or absent, and one clear error."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from aimkit.errors import AimkitError
from aimkit.render import environment
from aimkit.render.blender import environment_python, find_blender

PIP = """#!/bin/sh
# The Python of an environment: "-m pip" says what the test wants, "-c 'import bpy'" works once pip did.
here=$(dirname "$0")
case "$1$2" in
  -mpip) {pip} ;;
  -c*) test -e "$here/bpy" ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AIMKIT_BLENDER", raising=False)
    monkeypatch.delenv("AIMKIT_OFFLINE", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "uv" else str(tmp_path / "base"))
    monkeypatch.setattr(environment, "PYTHON", "3.0")
    return tmp_path / "home"


def pip(home: Path, what: str) -> None:
    """Let the base Python make an environment whose pip runs these shell commands."""
    text = PIP.format(pip=what)
    (home.parent / "base").write_text(
        f'#!/bin/sh\nmkdir -p "$3/bin"\ncat > "$3/bin/python" <<\'END\'\n{text}END\nchmod +x "$3/bin/python"\n'
    )
    (home.parent / "base").chmod(0o755)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")


def test_the_environment_appears_when_it_is_whole_and_is_made_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pip(home, f'touch "$here/bpy"; ls "{home}/blender" > "{home}/seen" 2>/dev/null; true')
    python = environment.set_up()
    assert python == environment_python(home / "blender")
    assert find_blender()[0] == str(python)
    assert (home / "seen").read_text() == "", "nothing is in its place before it is whole"
    assert "400 MB to download, 1 GB on disk" in capsys.readouterr().err
    pip(home, "exit 1")
    assert environment.set_up() == python
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            'echo "WARNING: Retrying after connection broken by X" >&2; echo "ERROR: No match" >&2; exit 1',
            "can't reach",
        ),
        ('echo "ERROR: No matching distribution found" >&2; exit 1', "No matching distribution found"),
        ("true", "can't import bpy"),
    ],
)
def test_a_failure_is_one_error_and_leaves_nothing(home: Path, what: str, message: str) -> None:
    (home / "blender-unfinished-killed/bin").mkdir(parents=True)
    pip(home, what)
    with pytest.raises(AimkitError, match=message):
        environment.set_up()
    assert [path.name for path in home.iterdir() if "blender" in path.name and path.is_dir()] == []
    pip(home, 'touch "$here/bpy"')
    assert environment.set_up().is_file()


def test_a_full_disk_is_told_before_anything_is_downloaded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int = 900_000_000

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage())
    pip(home, "exit 1")
    with pytest.raises(AimkitError, match=r"needs 1.5 GB, and the disk has 0.9 GB left"):
        environment.set_up()
