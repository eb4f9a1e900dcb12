from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aimkit import console
from aimkit.train.live import LiveView, clock
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe

TERMS = {"semantic_cross_entropy": 1.0, "fusion_composition": 0.25, "total_matting": 3.0, "total": 3.0, "lr": 1e-4}
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"


def terminal(width: int, height: int = 24) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(force_terminal=True, file=text, width=width, height=height), text


def shown(view: LiveView, width: int) -> list[str]:
    plain = Console(width=width, file=io.StringIO(), color_system=None)
    with plain.capture() as capture:
        plain.print(view.render())
    return capture.get().splitlines()


@pytest.fixture
def view() -> Any:
    live = LiveView("demo", 100, 300, 8, terminal(80)[0])
    yield live
    live.close()


def test_it_shows_steps_time_losses_rate_learning_rate_and_memory(view: LiveView) -> None:
    assert "first batch" in "".join(shown(view, 80))
    view.update(101, TERMS, 3661, 1.5)
    text = "\n".join(shown(view, 80))
    for part in (
        "step 101/300",
        "1:01:01 left",
        "loss 3.0000",
        "semantic cross entropy 1.0000",
        "learning rate 0.0001",
    ):
        assert part in text
    assert "samples/s" in text
    assert "1.5 GB" in text
    assert "total" not in text


def test_losses_are_smoothed_and_the_learning_rate_is_not(view: LiveView) -> None:
    view.update(101, TERMS, 0, 0)
    view.update(102, {**TERMS, "total": 4.0, "lr": 2e-4}, 0, 0)
    text = "\n".join(shown(view, 80))
    assert "loss 3.1000" in text
    assert "learning rate 0.0002" in text


@pytest.mark.parametrize("width", [1, 8, 20, 40, 300])
def test_no_line_is_wider_than_the_terminal(view: LiveView, width: int) -> None:
    view.update(101, TERMS, 5, 1)
    assert max(len(line) for line in shown(view, width)) <= width


def test_a_low_and_narrow_terminal_is_not_flooded() -> None:
    small, text = terminal(10, 4)
    live = LiveView("demo", 0, 10, 1, small)
    live.update(1, TERMS, 5, 1)
    live._live.refresh()
    live.close()
    frames = text.getvalue().split(HIDE)
    assert max(frame.count("\n") for frame in frames) < 20


def test_messages_stay_above_and_the_cursor_comes_back() -> None:
    wide, text = terminal(80)
    live = LiveView("demo", 0, 10, 1, wide)
    wide.print("validated", highlight=False)
    live.close()
    live.close()
    assert "validated\n" in text.getvalue()
    assert text.getvalue().count(HIDE) == 1
    assert text.getvalue().rfind(SHOW) > text.getvalue().rfind(HIDE)


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError])
def test_the_terminal_is_given_back_when_the_run_breaks(
    problem: type[BaseException],
    recipe: Callable[..., TrainRecipe],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from aimkit.train import loop

    wide, text = terminal(80)
    monkeypatch.setattr(console, "shows_live", lambda: True)
    monkeypatch.setattr(console, "stderr", lambda: wide)

    def fail(*_: Any) -> None:
        raise problem

    monkeypatch.setattr(loop, "one_step", fail)
    with pytest.raises(problem):
        train(recipe(), tmp_path)
    assert HIDE in text.getvalue()
    assert text.getvalue().rfind(SHOW) > text.getvalue().rfind(HIDE)


def test_clock() -> None:
    assert [clock(59.9), clock(3600), clock(float("nan"))] == ["0:00:59", "1:00:00", "?"]
