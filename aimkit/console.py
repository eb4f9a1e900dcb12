"""Messages, tables and progress on the terminal. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aimkit.printable import on_one_line, printable
from aimkit.redact import redact

if TYPE_CHECKING:
    from rich.console import Console

    from aimkit.errors import AimkitError

_verbosity = 0
#: What :func:`first_time` was asked during this command.
_told: set[tuple[str, ...]] = set()
_stderr: tuple[Any, Console] | None = None


def set_verbosity(level: int) -> None:
    """Set how much is printed, when a command begins: -1 only errors, 0 news too, 1 and more also details."""
    global _verbosity
    _verbosity = level
    _told.clear()


def first_time(*what: str) -> bool:
    """Whether a command reaches something for the first time, so that it is reported only once."""
    new = what not in _told
    _told.add(what)
    return new


def info(text: str) -> None:
    """Print a line of news, unless quiet."""
    if _verbosity >= 0:
        stderr().print(_shown(text), highlight=False, markup=False, soft_wrap=True)


def detail(text: str) -> None:
    """Print a line that only ``-v`` shows."""
    if _verbosity >= 1:
        stderr().print(_shown(text), style="dim", highlight=False, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning, unless quiet."""
    if _verbosity >= 0:
        stderr().print(f"warning: {_shown(text)}", style="yellow", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def when_slow(text: str, seconds: float = 2.0) -> Iterator[None]:
    """Print a line of news when the block takes longer than ``seconds``, so that it does not seem to hang."""
    timer = threading.Timer(seconds, info, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def error(problem: AimkitError) -> None:
    """Print an error in up to three lines: what is wrong, where, and how to correct it."""
    console = stderr()
    console.print(f"error: {_shown(problem.what)}", style="bold red", highlight=False, markup=False, soft_wrap=True)
    if problem.where:
        console.print(f"where: {on_one_line(problem.where)}", highlight=False, markup=False, soft_wrap=True)
    if problem.hint:
        console.print(f"hint:  {_shown(problem.hint)}", highlight=False, markup=False, soft_wrap=True)


def out(text: str) -> None:
    """Print a result to stdout, secrets masked."""
    shown, encoding = _shown(text), sys.stdout.encoding or "utf-8"
    sys.stdout.write(shown.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "", drop: Sequence[str] = ()) -> None:
    """Print a table to stdout; columns of numbers are aligned to the right.

    Args:
        columns: Titles of the columns.
        rows: A value for every column.
        title: Title of the table.
        drop: Titles of columns that a terminal too narrow for all may do without, the least important first. Other
            columns that don't fit follow below; see :func:`aimkit.console_layout.arrange`.
    """
    cells = [["" if cell is None else on_one_line(redact(str(cell))) for cell in row] for row in rows]
    if not sys.stdout.isatty() or len(cells) > 200:
        # A pipe has no width, and another program reads it: never fold lines. Rich needs seconds for a long table.
        out("\n".join(_plain_table(columns, cells, title)))
        return
    from rich.console import Console
    from rich.table import Table

    from aimkit.console_layout import arrange

    terminal = Console(markup=False, highlight=False, emoji=False)
    blocks, dropped = arrange(columns, cells, terminal.width, drop)
    for number, block in enumerate(blocks):
        head = on_one_line(title) if title and number == 0 else None
        grid = Table(title=head, title_justify="left", header_style="bold", box=None, pad_edge=False)
        for position, width in zip(block.positions, block.widths, strict=True):
            side: Any = "right" if _is_numeric(cells, position) else "left"
            grid.add_column(columns[position], justify=side, width=width, overflow="fold")
        for row in cells:
            grid.add_row(*(row[position] for position in block.positions))
        if number:
            terminal.print()
        terminal.print(grid)
    if dropped:
        info(f"not shown for lack of width: {', '.join(dropped)}")


def shows_live() -> bool:
    """Whether stderr is a terminal that can show a changing display, and the verbosity is not quiet."""
    return _verbosity >= 0 and sys.stderr.isatty()


@contextmanager
def progress(total: int | None, label: str, unit: str = "") -> Iterator[Progress]:
    """Show a progress bar with rate and time left on a terminal, or print a plain line every ten seconds elsewhere.

    Args:
        total: Amount of work, or None when it is not known.
        label: Text before the bar.
        unit: What is counted, for the rate, or "".
    """
    reporter = Progress(total, label, unit)
    try:
        yield reporter
    finally:
        reporter.close()


class Progress:
    """Counts finished work; use it through :func:`progress`."""

    def __init__(self, total: int | None, label: str, unit: str) -> None:
        self.total, self.label, self.unit = total, on_one_line(redact(label)), unit
        self.done = 0
        self._start = self._last = time.monotonic()
        self._bar: Any = None
        if shows_live():
            from rich import progress as bars

            self._bar = bars.Progress(
                bars.TextColumn("{task.description}", markup=False),
                bars.BarColumn(),
                bars.MofNCompleteColumn(),
                bars.TextColumn("{task.fields[rate]}", markup=False),
                bars.TimeRemainingColumn(),
                console=stderr(),
            )
            self._task = self._bar.add_task(self.label, total=total, rate="")
            self._bar.start()

    def advance(self, amount: int = 1) -> None:
        """Count ``amount`` more as done."""
        self.done += amount
        if self._bar is not None:
            self._bar.update(self._task, advance=amount, rate=self._rate())
        elif _verbosity >= 0 and (time.monotonic() - self._last > 10):
            self._last = time.monotonic()
            info(self._line())

    def close(self) -> None:
        """Remove the bar, or print the last plain line."""
        if self._bar is not None:
            self._bar.stop()
        elif self.done:
            info(self._line())

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        return f"{self.done / seconds:.1f} {self.unit}/s".replace(" /s", "/s")

    def _line(self) -> str:
        seconds = time.monotonic() - self._start
        line = f"{self.label}: {self.done}" + (f"/{self.total}" if self.total else "")
        if self.total and 0 < self.done < self.total:
            line += f", {seconds / self.done * (self.total - self.done):.0f} s left"
        return f"{line}, {self._rate()}"


def stderr() -> Console:
    """Return the console for stderr: a single one, so that messages and a live display do not overwrite each other."""
    from rich.console import Console

    global _stderr
    file = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    if _stderr is None or _stderr[0] is not file:
        _stderr = (file, Console(stderr=True, emoji=False))
    return _stderr[1]


def _shown(text: str) -> str:
    """A text as it may reach the terminal: no secrets, and nothing that the terminal would obey."""
    return printable(redact(text))


def _plain_table(columns: Sequence[str], cells: list[list[str]], title: str) -> list[str]:
    """Lines of aligned columns, without trailing blanks."""
    lines = [list(columns), *cells]
    widths = [max(len(line[position]) for line in lines) for position in range(len(columns))]
    right = [_is_numeric(cells, position) for position in range(len(columns))]
    texts = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]
    return [title, *texts] if title else texts


def _is_numeric(cells: list[list[str]], position: int) -> bool:
    return bool(cells) and all(_is_number(row[position]) for row in cells)


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip("%xMGk").replace(",", "") or "0")
    except ValueError:
        return False
    return True
