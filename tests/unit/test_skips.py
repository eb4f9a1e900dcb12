"""One failing item among many: skipped with its reason, counted, listed, bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimkit.errors import AimkitError
from aimkit.skips import STRICT_EXIT, Skips


def test_any_failure_of_an_item_is_its_own_and_the_rest_goes_on() -> None:
    skips, done = Skips("photo"), []
    for name, error in {
        "a.png": AimkitError("can't read the image", "a.png", "replace it"),
        "b.png": ValueError("odd\nsecond line"),
        "c.png": MemoryError(),
        "d.png": None,
    }.items():
        with skips.guard(name):
            if error is not None:
                raise error
            done.append(name)
    assert done == ["d.png"]
    assert skips.rows == [
        ("a.png", "can't read the image; replace it"),
        ("b.png", "ValueError: odd"),
        ("c.png", "not enough memory"),
    ]


def test_an_interrupt_is_no_failure_of_an_item() -> None:
    skips = Skips("photo")
    with pytest.raises(KeyboardInterrupt), skips.guard("a"):
        raise KeyboardInterrupt
    assert len(skips) == 0


def test_the_screen_shows_ten_and_the_file_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skips = Skips("photo")
    for number in range(12):
        skips.add(f"{number}.png", "empty")
    skips.tell(20, tmp_path / "skipped.txt")
    shown = capsys.readouterr().err
    assert "12 of 20 photos skipped" in shown
    assert "9.png: empty" in shown
    assert "10.png" not in shown
    assert "... and 2 more" in shown
    assert (tmp_path / "skipped.txt").read_text().splitlines() == [f"{number}.png\tempty" for number in range(12)]


def test_nothing_skipped_writes_nothing(tmp_path: Path) -> None:
    Skips("photo").tell(3, tmp_path / "skipped.txt")
    assert list(tmp_path.iterdir()) == []


def test_names_cannot_break_the_list_or_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skips = Skips("photo")
    skips.add("a\x1b[31m\nb\t[red]\udcff.png", "empty")
    skips.tell(2, tmp_path / "skipped.txt")
    assert (tmp_path / "skipped.txt").read_text() == "a\\u001b[31m\\nb\\t[red]\\udcff.png\tempty\n"
    assert "\x1b[31m" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("skipped", "limit", "stops"), [(1, 0.5, False), (3, 0.5, True), (4, 1.0, True), (0, 0.0, False)]
)
def test_too_many_stop_the_work(skipped: int, limit: float, stops: bool) -> None:
    skips = Skips("photo")
    for number in range(skipped):
        skips.add(str(number), "empty")
    if not stops:
        skips.check(4, limit)
        return
    with pytest.raises(AimkitError, match=f"{skipped} of 4 photos were skipped") as caught:
        skips.check(4, limit, "raise max_failures")
    assert caught.value.exit_code == 1
    assert caught.value.hint == "raise max_failures"


def test_strict_is_an_exit_code_of_its_own() -> None:
    skips = Skips("photo")
    assert (skips.exit_code(strict=True), skips.exit_code(strict=False)) == (0, 0)
    skips.add("a", "empty")
    assert (skips.exit_code(strict=True), skips.exit_code(strict=False)) == (STRICT_EXIT, 0)
