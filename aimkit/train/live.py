"""The live view of a run in a terminal: progress, time left, loss terms, learning rate, memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

#: Weight of the newest step in the shown losses, and number of updates that the speed is averaged over.
_NEWEST, _WINDOW = 0.1, 20


class LiveView:
    """A few lines at the bottom of the terminal; messages scroll above them.

    Args:
        name: Name of the run.
        start: Number of steps finished before.
        steps: Number of steps of the run.
        batch: Number of samples in a step.
        console: Console that messages are printed to.
    """

    def __init__(self, name: str, start: int, steps: int, batch: int, console: Console) -> None:
        self.name, self.step, self.steps, self.batch = name, start, steps, batch
        self._values: dict[str, float] = {}
        self._memory, self._left, self._rate = 0.0, float("nan"), float("nan")
        self._ends = deque([(time.monotonic(), start)], maxlen=_WINDOW + 1)
        self._live = RichLive(get_renderable=self.render, console=console, transient=True)
        self._live.start()

    def update(self, step: int, values: Mapping[str, float], left: float, memory: float) -> None:
        """Show the newest finished step.

        Args:
            step: Number of finished steps.
            values: Loss terms, ``total``, semantic scores and ``lr``.
            left: Seconds left.
            memory: Peak memory, GB.
        """
        self.step, self._left, self._memory = step, left, memory
        for name, value in values.items():
            before = value if name == "lr" else self._values.get(name, value)
            self._values[name] = before + _NEWEST * (value - before)
        self._ends.append((time.monotonic(), step))
        (begin, first), (end, last) = self._ends[0], self._ends[-1]
        self._rate = (last - first) * self.batch / max(end - begin, 1e-9)

    def pause(self) -> None:
        """Exclude the time until the next step from the speed, since a validation took it."""
        self._ends.clear()
        self._ends.append((time.monotonic(), self.step))

    def close(self) -> None:
        """Clear the view and restore the cursor; safe to call twice."""
        self._live.stop()

    def render(self) -> RenderableType:
        """The current view."""
        head = Table.grid(padding=(0, 2, 0, 0))
        head.add_column(no_wrap=True, overflow="ellipsis")
        head.add_column(ratio=1)
        head.add_column(no_wrap=True, overflow="ellipsis")
        bar: Any = ProgressBar(total=self.steps, completed=self.step, width=30)
        head.add_row(f"{self.name}  step {self.step}/{self.steps}", bar, f"{clock(self._left)} left")
        if not self._values:
            return Group(head, Text("waiting for the first batch", style="dim"))
        facts = {"loss": f"{self._values['total']:.4f}"} if "total" in self._values else {}
        facts |= {
            n.replace("_", " "): f"{v:.4f}" for n, v in self._values.items() if n != "lr" and not n.startswith("total")
        }
        cells = [Text.assemble((f"{name} ", "dim"), value) for name, value in facts.items()]
        rate = f"{self._rate:.1f} samples/s   learning rate {self._values.get('lr', 0):.2g}   {self._memory:.1f} GB"
        return Group(head, Columns(cells, padding=(0, 3)), Text(rate, style="dim"))


def clock(seconds: float) -> str:
    """A duration as ``h:mm:ss``; ``?`` for NaN."""
    if seconds != seconds:
        return "?"
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
