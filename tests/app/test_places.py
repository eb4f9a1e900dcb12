"""Which folders a visitor may open."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the studio needs Gradio")

from aimkit.app.places import folder_named, may_open, shown_text, shown_title
from aimkit.app.settings import Studio
from aimkit.errors import AimkitError


def test_at_the_machine_a_path_goes_before_an_offered_folder(tmp_path: Path) -> None:
    studio = Studio(folders=(tmp_path,))
    assert folder_named(studio, "0", " some/where ") == "some/where"
    assert folder_named(studio, "0", None) == str(tmp_path)
    assert shown_title(studio, "/a/b/c") == "/a/b/c"
    may_open(studio, "/anywhere")
    with pytest.raises(AimkitError, match="no folder is named"):
        folder_named(studio, None, "")


def test_a_stranger_opens_offered_folders_and_no_others(tmp_path: Path) -> None:
    studio = Studio(local=False, folders=(tmp_path,))
    assert folder_named(studio, "0", "") == str(tmp_path)
    for path in ("/etc", "hf:owner/name", "~"):
        with pytest.raises(AimkitError, match="remote visitors"):
            folder_named(studio, "0", path)
    for number in ("1", "-1", "x", "../.."):
        with pytest.raises(AimkitError, match="not offered"):
            folder_named(studio, number, "")


def test_a_file_leads_strangers_into_offered_folders_only(tmp_path: Path) -> None:
    studio = Studio(local=False, folders=(tmp_path / "a",))
    may_open(studio, str(tmp_path / "a/b"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a/link").symlink_to(tmp_path)
    for path in (tmp_path, tmp_path / "a/../b", tmp_path / "ab", tmp_path / "a/link/b", Path("/etc/passwd")):
        with pytest.raises(AimkitError, match="remote visitors"):
            may_open(studio, str(path))


def test_strangers_see_names_not_paths() -> None:
    studio = Studio(local=False)
    assert shown_title(studio, "/srv/secret/set") == "set"
    assert shown_text(studio, "no room in /srv/secret/set") == "no room in set"
