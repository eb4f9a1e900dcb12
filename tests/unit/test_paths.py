"""Paths that come from data stay in their folder, or are refused with the file that names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimkit.errors import AimkitError
from aimkit.paths import inside
from aimkit.remote import Remote


@pytest.mark.parametrize("name", ["a.png", "data/train-0.tar", "..a/b..", "ü/ñ.png", "a b", "x" * 255, "a\\b", "${X}"])
def test_a_path_inside_is_joined(name: str, tmp_path: Path) -> None:
    assert inside(tmp_path, name) == tmp_path / name
    assert inside(Remote("memory://bucket"), name) == Remote(f"memory://bucket/{name}")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/etc/passwd", "is absolute"),
        ("\\\\server\\share\\x", "is absolute"),
        ("//server/share/x", "is absolute"),
        ("C:\\x", "is absolute"),
        ("c:x", "is absolute"),
        ("..", "leaves its folder"),
        ("../../../x", "leaves its folder"),
        ("a/../../x", "leaves its folder"),
        ("a/..", "leaves its folder"),
        ("..\\x", "leaves its folder"),
        ("a\\..\\..\\x", "leaves its folder"),
        ("", "is empty"),
        (".", "is empty"),
        ("a//b", "empty name"),
        ("a/", "empty name"),
        ("./a", "empty name"),
        ("a\0b", "NUL"),
        ("x" * 256, "too long"),
        ("ü" * 128, "too long"),
        ("/".join(["x" * 200] * 30), "too long"),
        ("\ud800", "no file name"),
        (None, "not a string"),
        (7, "not a string"),
        (["a"], "not a string"),
    ],
)
def test_other_paths_are_refused_here_and_behind_urls(name: object, problem: str, tmp_path: Path) -> None:
    for folder in (tmp_path, Remote("memory://bucket/data")):
        with pytest.raises(AimkitError, match=problem) as caught:
            inside(folder, name, tmp_path / "00000.json")
        assert caught.value.where == str(tmp_path / "00000.json")
        caught.value.what.encode()  # It can be printed, whatever the file says.


def test_a_url_does_not_climb_by_escapes(tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="leaves its folder"):
        inside(Remote("https://host/data"), "a/%2e%2e/%2E%2e/x")
    assert inside(tmp_path, "%2e%2e") == tmp_path / "%2e%2e"


@pytest.mark.parametrize("name", ["link", "link/x", "link/new/x", "a/up/secret", "file"])
def test_links_that_leave_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to("../outside")
    (folder / "a" / "up").symlink_to("../..")
    (folder / "file").symlink_to(tmp_path / "secret")
    with pytest.raises(AimkitError, match="leaves its folder through a link"):
        inside(folder, name)


def test_links_within_the_folder_and_to_it_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "b").symlink_to("a")
    (tmp_path / "other").symlink_to(folder)
    assert inside(folder, "b/new/x") == folder / "b/new/x"
    assert inside(tmp_path / "other", "b/x") == tmp_path / "other/b/x"


def test_a_sibling_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data-old").mkdir()
    (tmp_path / "data" / "x").symlink_to(tmp_path / "data-old")
    with pytest.raises(AimkitError, match="through a link"):
        inside(tmp_path / "data", "x")


def test_a_loop_of_links_ends_with_an_error_or_inside(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert inside(tmp_path, "a/x") == tmp_path / "a/x"
