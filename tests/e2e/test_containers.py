"""Containers: no home folder, a read-only one, a user whom the system does not know, a full disk below a cache."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.files import write_error
from aimkit.imageio import read_alpha, write_png

#: All in one process, since each would import anew what the others do. Fog needs few compiled loops.
COMMANDS = """
import sys
from aimkit.cli import run
codes = [
    run(["zoo", "ls"]),
    run(["synth", "quick", "count=2", "-o", "data", "balance={}", "foregrounds.0.generators=['fog']"]),
    run(["predict", "photo.png", "--device", "cpu", "-o", "out"]),
]
print("codes", codes)
"""


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """A temporary folder that every user can write, shared so that each user compiles only once."""
    with pytest.MonkeyPatch.context() as patch:
        # Other tests may have chosen a folder that only their user can enter.
        patch.setattr(tempfile, "tempdir", None)
        folder = Path(tempfile.mkdtemp())
        folder.chmod(0o777)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


@pytest.fixture
def place(temporary: Path) -> Iterator[Path]:
    """A folder that every user can write, with a photo; pytest's own belong to one user."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "tmp").symlink_to(temporary)
        write_png(folder / "photo.png", np.random.default_rng(0).integers(0, 256, (70, 80, 3), np.uint8))
        for path in (folder, folder / "photo.png"):
            path.chmod(0o777)
        yield folder
    finally:
        shutil.rmtree(folder)


def started(place: Path, home: str | None, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    keep = ("PATH", "LANG", "PYTHONPATH", "OMP_NUM_THREADS", "LD_LIBRARY_PATH")
    env = {key: os.environ[key] for key in keep if key in os.environ}
    env |= {"TMPDIR": str(place / "tmp"), "AIMKIT_OFFLINE": "1"} | ({} if home is None else {"HOME": home})
    command = [*prefix, sys.executable, "-c", COMMANDS]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)


def check(result: subprocess.CompletedProcess[str], place: Path) -> None:
    assert "codes [0, 0, 0]" in result.stdout, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count(f"using {place / 'tmp'}") == 1, result.stderr
    assert read_alpha(place / "out" / "alpha" / "photo.png").shape == (70, 80)
    assert (place / "data").is_dir()
    # The shipped weights were read where they lie.
    assert not list((place / "tmp").rglob("*.safetensors"))


@pytest.mark.parametrize("home", ["/proc/nothing", "FILE"])
def test_every_command_works_without_a_home_that_can_be_written(home: str, place: Path) -> None:
    if home == "FILE":
        (place / "file").write_text("not a folder")
        home = str(place / "file")
    check(started(place, home), place)


@pytest.mark.parametrize(
    "home", [None, *(pytest.param(home, marks=pytest.mark.slow) for home in ("/nonexistent", "/root"))]
)
def test_every_command_works_for_a_user_whom_the_system_does_not_know(home: str | None, place: Path) -> None:
    other = ("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups")
    tried = [*other, sys.executable, "-c", "import aimkit"] if shutil.which("setpriv") else ["false"]
    if subprocess.run(tried, cwd=place, capture_output=True, check=False).returncode:
        pytest.skip("can't run as another user, who reads the package")
    check(started(place, home, other), place)


def test_weights_in_a_read_only_cache_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aimkit import cache, zoo
    from aimkit.zoo import fetch, store
    from aimkit.zoo.manifest import find

    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "mounted"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    pulled = fetch.pull(find("default"))
    takes_files = cache._takes_files
    monkeypatch.setattr(cache, "_takes_files", lambda folder: "mounted" not in str(folder) and takes_files(folder))
    for function in (cache._temporary, cache._substitute):
        monkeypatch.setattr(cache, function.__name__, function.__wrapped__)
    assert store.folder() != pulled.parent
    assert zoo.path("default") == pulled
    # The record beside it still guards it.
    pulled.write_bytes(b"something else")
    with pytest.raises(AimkitError, match="has digest"):
        zoo.path("default")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_below_any_cache_is_one_line(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import aimkit.models.registry as registry

    def full(*args: object) -> list[str]:
        raise OSError(number, os.strerror(number), "/cache/compiled.nbi")

    monkeypatch.setattr(registry, "list_models", full)
    assert run(["models", "ls"]) == 1
    told = capsys.readouterr().err
    assert told.splitlines()[:2] == ["error: disk full", "where: /cache/compiled.nbi"]


def test_a_list_that_can_not_be_cached_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from aimkit.zoo import timm_entries

    def full(path: Path, data: bytes) -> None:
        raise write_error(OSError(errno.ENOSPC, "No space left on device"), path)

    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path))
    monkeypatch.setattr(timm_entries, "write_bytes", full)
    monkeypatch.setattr(timm_entries, "_configurations", list)
    assert timm_entries.timm_entries() == []


def test_a_home_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from aimkit.recipe import expand

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", lambda path: unknown())
    with pytest.raises(AimkitError, match="the home folder of '~/photos' is unknown") as caught:
        expand("~/photos", "--out")
    assert (caught.value.where, "HOME" in caught.value.hint) == ("--out", True)
    assert expand("~draft.jpg") == Path("~draft.jpg")
