"""aimkit bench startup: how long commands take as whole processes."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aimkit import console


@click.command()
@click.argument("pattern", default="*")
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Processes of each command.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def startup(pattern: str, repeats: int, as_json: bool) -> None:
    """Time the commands whose names match PATTERN as fresh processes, with their five slowest imports.

    Times are the minimum over the processes, in seconds: elapsed time, and processor time (user and system). An
    import's time is that of all modules of the package.
    """
    import tempfile
    from fnmatch import fnmatchcase
    from pathlib import Path

    from aimkit.bench.machine import machine, machine_line
    from aimkit.bench.startup import COMMANDS, time_startup
    from aimkit.errors import AimkitError

    names = [name for name in COMMANDS if fnmatchcase(name, pattern)]
    if not names:
        raise AimkitError(f"no command matches '{pattern}'", "PATTERN", f"known: {'; '.join(COMMANDS)}")
    rows = []
    with tempfile.TemporaryDirectory() as folder, console.progress(len(names), "bench startup", "commands") as bar:
        for row in time_startup(names, Path(folder), repeats):
            rows.append(row)
            bar.advance()
    if as_json:
        console.out(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=2))
        return
    cells = [
        [row.command, f"{row.wall:.2f}", f"{row.processor:.2f}", ", ".join(f"{n} {s:.2f}" for n, s in row.imports)]
        for row in rows
    ]
    console.table(["command", "seconds", "processor", "slowest imports"], cells)
    console.info(machine_line())
