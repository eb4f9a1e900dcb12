"""Checks that AimNet works on every timm architecture, each in its own process.

Results are appended to a file as lines of JSON; the last line of a name counts. So an interrupted check can resume.
"""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.models.backbones.factory import probe_folder, timm_spec, timm_version
from aimkit.models.backbones.timm_spec import TimmSpec

#: Image sizes that every backbone must take: multiples of 32, and others.
SIZES = ((256, 320), (250, 330))
#: Columns of the table.
COLUMNS = (*(field.name for field in fields(TimmSpec)), "status", "checked")


@dataclass(frozen=True)
class Limits:
    """Limits of one check.

    Attributes:
        seconds: Wall-clock time, seconds.
        memory: Memory of the process, GiB; on Linux only.
        run_params: Number of parameters, millions, above which only shapes are checked, on the meta device.
    """

    seconds: float = 300.0
    memory: float = 8.0
    run_params: float = 100.0


def check_all(
    names: Iterable[str],
    results: Path,
    *,
    limits: Limits | None = None,
    workers: int = 1,
    resume: bool = False,
    done: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, dict[str, Any]]:
    """Check architectures.

    Args:
        names: Names in timm.
        results: File of JSON lines to append to.
        limits: Limits of each check.
        workers: Number of checks at a time.
        resume: Whether to skip architectures that passed before.
        done: Function to call with each result.

    Returns:
        All results in the file, by name.
    """
    limits = limits or Limits()
    known = read_results(results)
    passed = {name for name, row in known.items() if row["status"] == "ok" and row["timm"] == timm_version()}
    todo = [name for name in names if not (resume and name in passed)]
    results.parent.mkdir(parents=True, exist_ok=True)
    lock = threading.Lock()
    context = _context()

    def work(name: str) -> None:
        row = _isolated(context, name, limits)
        with lock, results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            known[name] = row
            done(row)

    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work, name) for name in todo]:
            future.result()
    return known


def check_one(name: str, run_params: float = Limits.run_params) -> dict[str, Any]:
    """Build AimNet on a timm architecture and run it on both sizes, in this process.

    Returns:
        The facts, and ``status``: ``ok`` or the cause; ``checked``: ``run`` or ``meta``.
    """
    from aimkit.models.backbones.probe import needs_values

    start = time.perf_counter()
    row: dict[str, Any] = {"name": name, "timm": timm_version(), "status": "ok", "checked": ""}
    try:
        spec = timm_spec(name, use_table=False)
        row |= spec.to_row() | {"checked": "run" if spec.params <= run_params else "meta"}
        try:
            _run_network(spec, "meta" if row["checked"] == "meta" else "cpu")
        except RuntimeError as error:
            if not needs_values(error):
                raise
            row["checked"] = "run"
            _run_network(spec, "cpu")
    except Exception as error:
        text = error.what if isinstance(error, AimkitError) else f"{type(error).__name__}: {error}"
        row["status"] = " ".join(text.split())[:200]
    return row | {"seconds": round(time.perf_counter() - start, 2)}


def read_results(file: Path) -> dict[str, dict[str, Any]]:
    """The last result of each name; incomplete lines are skipped."""
    rows: dict[str, dict[str, Any]] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        rows[row["name"]] = row
    return rows


def write_table(rows: Iterable[dict[str, Any]], file: Path) -> None:
    """Write the package's table, atomically."""
    text = io.StringIO()
    text.write(f"# timm {timm_version()}\n")
    writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: str(row["name"])))
    write_bytes(file, text.getvalue().encode())


def default_results() -> Path:
    """Default file of results."""
    return probe_folder().with_name(f"check-timm-{timm_version()}.jsonl")


def _run_network(spec: TimmSpec, device: str) -> None:
    import torch

    from aimkit.models.aimnet import AimNet
    from aimkit.models.backbones.timm_adapter import TimmBackbone

    torch.manual_seed(0)
    with torch.device(device), torch.no_grad():
        # Narrow decoders, since wide ones would take most of the time.
        model = AimNet(TimmBackbone(spec), width=16).eval()
        for height, width in SIZES:
            _check_output(model(torch.rand(1, 3, height, width)), height, width)


def _check_output(output: Any, height: int, width: int) -> None:
    for part, channels in (("semantic", 3), ("detail", 1), ("alpha", 1)):
        value = getattr(output, part)
        if tuple(value.shape) != (1, channels, height, width):
            raise AimkitError(f"at {height}x{width}: {part} is {tuple(value.shape)}")
        if not value.is_meta and not bool(((value >= 0) & (value <= 1)).all()):
            raise AimkitError(f"at {height}x{width}: {part} is outside [0, 1]")


def _context() -> Any:
    """Processes that start with timm imported, where the system can fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    # Threads of several checks would compete for the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["timm", "aimkit.models.backbones.check", "aimkit.models.backbones.timm_adapter", "aimkit.models.aimnet"]
    )
    return context


def _isolated(context: Any, name: str, limits: Limits) -> dict[str, Any]:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, name, limits), daemon=True)
    start = time.perf_counter()
    process.start()
    sender.close()
    row: dict[str, Any] = {"name": name, "timm": timm_version(), "checked": ""}
    try:
        if receiver.poll(limits.seconds):
            received: dict[str, Any] = receiver.recv()
            return received
        row["status"] = f"took more than {limits.seconds:.0f} s"
    except EOFError:
        process.join(10)
        row["status"] = f"the process ended with {process.exitcode}; it may need more than {limits.memory:g} GiB"
    finally:
        if process.is_alive():
            process.join(1)
            process.kill()
        process.join()
        receiver.close()
    return row | {"seconds": round(time.perf_counter() - start, 2)}


def _child(sender: Connection, name: str, limits: Limits) -> None:
    import torch

    torch.set_num_threads(1)
    try:
        import resource

        bound = int(limits.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
    except (ImportError, ValueError, OSError):
        pass
    sender.send(check_one(name, limits.run_params))
