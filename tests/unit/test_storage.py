"""Places: what is read from a path is read alike from a URL."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest

from aimkit.errors import AimkitError
from aimkit.recipe import expand
from aimkit.remote import Remote
from aimkit.storage import Place, measure, names, place, read_range, stamp

FILES = {"a.txt": b"hello", "b/c.txt": b"0123456789"}


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder with two files."""
    for name, data in FILES.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if request.param == "local":
        return tmp_path / "files"
    remote = place(f"memory://{uuid.uuid4().hex}/files")
    assert isinstance(remote, Remote)
    remote.upload({name: tmp_path / "files" / name for name in FILES})
    return remote


def test_files_are_read_alike_from_paths_and_urls(root: Place) -> None:
    assert names(root) == set(FILES)
    assert {entry.name for entry in root.iterdir()} == {"a.txt", "b"}
    assert (root.is_dir(), root.is_file()) == (True, False)
    file = root / "b/c.txt"
    assert (file.is_file(), file.is_dir(), file.exists()) == (True, False, True)
    assert (file.name, file.suffix, file.parent) == ("c.txt", ".txt", root / "b")
    assert file.read_bytes() == FILES["b/c.txt"]
    assert file.read_text(encoding="utf-8") == "0123456789"
    assert read_range(file, 2, 5) == b"234"
    assert measure(root / "a.txt") == (5, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")


def test_what_is_missing_is_missed_alike(root: Place) -> None:
    missing = root / "nothing"
    assert not missing.exists()
    assert names(missing) == set()
    for read in (lambda: missing.read_bytes(), lambda: measure(missing)):
        with pytest.raises(FileNotFoundError):
            read()


def test_a_stamp_changes_with_the_content(root: Place, tmp_path: Path) -> None:
    before = stamp(root / "a.txt")
    assert stamp(root / "a.txt") == before
    (tmp_path / "new").write_bytes(b"longer than before")
    if isinstance(root, Remote):
        root.upload({"a.txt": tmp_path / "new"})
    else:
        (root / "a.txt").write_bytes(b"longer than before")
    assert stamp(root / "a.txt") != before


def test_text_becomes_a_path_or_a_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BUCKET", "photos")
    assert place("memory://${BUCKET}/cats/") == Remote("memory://photos/cats")
    assert place(f"file://{tmp_path}/x") == tmp_path / "x"
    assert place("${BUCKET}/cats") == Path("photos/cats")
    assert place("~/x") == Path.home() / "x"
    with pytest.raises(AimkitError, match="NOT_SET"):
        place("memory://${NOT_SET}")


def test_a_url_of_an_unknown_kind_is_told() -> None:
    with pytest.raises(AimkitError, match="unknown kind of URL 's4://'"):
        place("s4://bucket")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a",
        "sftp://host/a",
        "github://org:repo@main/a",
        "zip://a.zip",
        "zip://*.csv::s3://bucket/a.zip",
        "simplecache::s3://bucket/a",
        "tar://a.tar",
        "reference://a.json",
        "dir://a",
        "webhdfs://host/a",
        "hdfs://host/a",
        "git://a",
        "local://a",
        "data://x",
    ],
)
def test_kinds_of_fsspec_that_are_not_ours_are_refused(url: str) -> None:
    with pytest.raises(AimkitError, match="not supported") as caught:
        place(url)
    assert caught.value.where.startswith(url.partition("://")[0])
    assert "s3://" in caught.value.hint


def test_paths_that_no_file_system_takes_are_told(tmp_path: Path) -> None:
    assert place("a" * 255) == Path("a" * 255)
    for read in (place, expand):
        with pytest.raises(AimkitError, match="a name in the path has 256 bytes"):
            read("a" * 256)
        with pytest.raises(AimkitError, match="a name in the path has 300 bytes"):
            read(f"x/{'é' * 150}/y")
        with pytest.raises(AimkitError, match="longer than 4096 bytes"):
            read("/".join(["a" * 200] * 25))
        with pytest.raises(AimkitError, match="no file name can have"):
            read("a\0b")
    with pytest.raises(AimkitError, match="URL is longer than 4096"):
        place("memory://" + "a" * 5000)


def test_errors_show_variables_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from aimkit.models.weights.loading import find

    monkeypatch.setenv("PRIVATE_THING", "hunter2-but-longer")
    for read in (lambda: place("ftp://${PRIVATE_THING}/x"), lambda: find("${PRIVATE_THING}/none.pth")):
        with pytest.raises(AimkitError) as caught:
            read()
        assert "hunter2" not in str(caught.value)
        assert "${PRIVATE_THING}" in str(caught.value)


def test_a_missing_package_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(AimkitError, match=r"pip install 'aimkit\[gs\]'"):
        place("gs://bucket/x")


def test_what_a_store_refuses_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("denied")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", refuse)
    with pytest.raises(AimkitError, match="PermissionError: denied\nwhere: memory://x/y") as caught:
        Remote("memory://x/y").read_bytes()
    assert caught.value.exit_code == 1
