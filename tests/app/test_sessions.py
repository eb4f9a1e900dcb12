"""Sessions: each page has its own folder and work, and nothing stays when it is left."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from aimkit.app.sessions import Sessions

A, B = SimpleNamespace(session_hash="a"), SimpleNamespace(session_hash="b")


def test_visitors_share_nothing(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    sessions.of(A).values["x"] = 1
    assert sessions.of(A).values == {"x": 1}
    assert sessions.of(B).values == {}
    assert sessions.of(A).folder != sessions.of(B).folder


def test_a_page_that_is_left_takes_its_files_and_its_work_along(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    session = sessions.of(A)
    (session.place("photos") / "a.png").write_bytes(b"x")
    wanted = session.turn("wall")
    sessions.close(A)
    assert not session.folder.exists()
    assert not wanted()
    assert len(sessions) == 0
    sessions.close(A)


def test_a_page_that_fell_silent_is_left(tmp_path: Path) -> None:
    now = [0.0]
    sessions = Sessions(tmp_path, clock=lambda: now[0])
    old = sessions.of(A).folder
    now[0] = 5 * 3600
    sessions.of(B)
    assert old.exists()
    now[0] = 7 * 3600
    sessions.of(B)
    assert not old.exists()
    assert len(sessions) == 1


def test_new_work_ends_the_old_one_of_its_name(tmp_path: Path) -> None:
    session = Sessions(tmp_path).of(A)
    first, other = session.turn("wall"), session.turn("predict")
    second = session.turn("wall")
    assert (first(), second(), other()) == (False, True, True)
    session.stop("wall")
    assert not second()
