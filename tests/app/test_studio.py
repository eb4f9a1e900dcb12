"""The studio as a whole: built, kept to itself, and written as a Space."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aimkit.app.settings import Studio
from aimkit.app.space import write_space
from aimkit.app.studio import import_gradio
from aimkit.cli import run
from aimkit.errors import AimkitError


def test_without_gradio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(AimkitError, match="needs Gradio") as caught:
        import_gradio()
    assert "aimkit[studio]" in caught.value.hint
    assert "Pillow" in caught.value.hint


def test_nothing_else_imports_gradio() -> None:
    code = (
        "import sys, aimkit, aimkit.cli, aimkit.cli.studio, aimkit.app.studio, aimkit.app.space, aimkit.synth.preview;"
        "import aimkit.predict, aimkit.datasets; print('gradio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.slow
def test_the_page_has_all_tabs_and_tells_no_path() -> None:
    pytest.importorskip("gradio")
    import_gradio()
    from aimkit.app.page import TABS, build

    config = str(build(Studio(local=False)).get_config_file())
    assert all(f"'{name}'" in config for name in TABS)
    for path in (Path(__file__).parents[2], Path.home(), Path(sys.prefix)):
        assert str(path) not in config
    assert "'analytics_enabled': False" in config


def test_a_folder_that_is_not_there_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["studio", "--no-open", "no/such/folder"]) == 2
    assert "folder not found" in capfd.readouterr().err


def test_a_space_is_written_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["studio", "--space", str(tmp_path / "space")]) == 0
    assert run(["studio", "--space", str(tmp_path / "space")]) == 0
    folder = tmp_path / "space"
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "app.py", "requirements.txt"]
    _, header, _ = (folder / "README.md").read_text().split("---\n", 2)
    keys = dict(line.split(": ", 1) for line in header.splitlines())
    assert keys["sdk"] == "gradio"
    assert keys["app_file"] == "app.py"
    assert int(keys["sdk_version"].split(".")[0]) >= 6
    assert len(keys["short_description"]) <= 60
    assert "aimkit[studio]" in (folder / "requirements.txt").read_text()
    compile((folder / "app.py").read_text(), "app.py", "exec")
    assert "README.md" in capfd.readouterr().out


def test_a_space_overwrites_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AimkitError, match="notes"):
        write_space(tmp_path)
