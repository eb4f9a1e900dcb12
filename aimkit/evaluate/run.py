"""Run an evaluation: every image once, several at a time; finished images are taken from a journal."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.evaluate.averages import averages
from aimkit.evaluate.images import EvaluationImage, EvaluationPlanes, EvaluationSet
from aimkit.evaluate.protocol import Protocol
from aimkit.metrics.matting import METRICS, MORE, matting_metrics
from aimkit.types import Array, UInt8

#: image (H, W, 3) uint8 -> alpha (H, W), uint8 or float in [0, 1].
Predict = Callable[[UInt8], Array]


@dataclass(frozen=True)
class Definitions:
    """Definitions of the metrics; see :class:`aimkit.evaluate.recipe.MetricsBlock`.

    Attributes:
        grad: Definition of Grad, "aim" or "matlab".
        conn: Definition of Conn, "corrected" or "parity".
    """

    grad: str = "aim"
    conn: str = "corrected"


def run(
    data: EvaluationSet,
    predict: Predict | None = None,
    *,
    definitions: Definitions | None = None,
    strategy: str = "from files",
    model: Mapping[str, Any] | None = None,
    workers: int = 2,
    journal: Path | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Evaluate a model or stored predictions.

    Threads read and measure; one of them at a time calls ``predict``. At most one image per thread is in memory.

    Args:
        data: The images.
        predict: The model; None if the data has predictions.
        definitions: Definitions of the metrics.
        strategy: The strategy of ``predict`` with its options, for the protocol.
        model: Facts about the model, as JSON values; results of another model are not reused.
        workers: Number of threads.
        journal: File of finished images, one JSON line each. Images with the same protocol, model and files are taken
            from it, so that a run that was killed continues.
        fresh: Ignore the images in the journal.

    Returns:
        ``model``, ``protocol``, ``averages``, ``images`` (in the order of the data) and ``notes``, as JSON values.

    Raises:
        AimkitError: The data is empty, or images can't be read or predicted; all of them are listed, and the others are
            in the journal.
    """
    if not data.entries:
        raise AimkitError("the data has no images", data.name)
    definitions, model = definitions or Definitions(), dict(model or {})
    protocol = protocol_of(data, strategy, definitions)
    work = _Work(data, predict, definitions, threading.Lock())
    keys = {entry.id: _key(protocol, model, entry) for entry in data.entries}
    rows = {} if journal is None or fresh else _known(journal, keys)
    if rows:
        console.info(f"{len(rows)} of {len(keys)} images are already done")
    failures = _evaluate(work, [entry for entry in data.entries if entry.id not in rows], rows, keys, workers, journal)
    if failures:
        shown = "\n  ".join(f"{error.what} ({error.where})" for error in failures[:10])
        more = "" if len(failures) <= 10 else "\n  ..."
        hint = failures[0].hint if len(failures) == 1 else ""
        raise AimkitError(f"{len(failures)} images failed:\n  {shown}{more}", data.name, hint, exit_code=1)
    images = [rows[entry.id] for entry in data.entries]
    lacking = [row["id"] for row in images if row["sad_transition"] is None]
    notes = [f"{len(lacking)} trimaps have no transition area: {', '.join(lacking[:5])}"] if lacking else []
    return {
        "model": model,
        "protocol": protocol.to_json(),
        "averages": averages(images, (*METRICS, *MORE)),
        "images": images,
        "notes": notes,
    }


def protocol_of(data: EvaluationSet, strategy: str, definitions: Definitions) -> Protocol:
    """The protocol of a run."""
    corrected = definitions.conn == "corrected"
    conn = "corrected (empty overlap: previous level)" if corrected else "parity (empty overlap: 1)"
    size = "at the truth's size, nothing resized"
    return Protocol(data.name, data.digest, strategy, size, data.trimap, definitions.grad, conn)


@dataclass(frozen=True)
class _Work:
    data: EvaluationSet
    predict: Predict | None
    definitions: Definitions
    lock: threading.Lock

    def measure(self, entry: EvaluationImage) -> dict[str, Any]:
        """Measure an image and return its row."""
        try:
            planes = self.planes(entry)
            assert planes.prediction is not None
            options: dict[str, Any] = {"parity": self.definitions.conn == "parity", "grad": self.definitions.grad}
            # An image without transition area has no transition metrics; its other metrics still count.
            label = planes.trimap if ((planes.trimap != 0) & (planes.trimap != 255)).any() else None
            values = matting_metrics(planes.prediction, planes.alpha, label, more=True, **options)
        except AimkitError as error:
            raise AimkitError(f"{entry.id}: {error.what}", error.where or entry.where, error.hint) from None
        height, width = planes.alpha.shape
        facts = {"id": entry.id, "type": entry.type, "category": entry.category, "width": width, "height": height}
        return facts | values

    def planes(self, entry: EvaluationImage) -> EvaluationPlanes:
        """Read the planes of an image and add its prediction."""
        planes = self.data.read(entry)
        if self.predict is None:
            return planes
        if planes.image is None:
            raise AimkitError("the image has no photo to predict from")
        with self.lock:
            return replace(planes, prediction=self.predict(planes.image))


def look(data: EvaluationSet, predict: Predict | None, name: str) -> EvaluationPlanes:
    """Read and predict one image again, for reports."""
    entry = next(entry for entry in data.entries if entry.id == name)
    return _Work(data, predict, Definitions(), threading.Lock()).planes(entry)


def _evaluate(
    work: _Work,
    entries: Sequence[EvaluationImage],
    rows: dict[str, dict[str, Any]],
    keys: Mapping[str, str],
    workers: int,
    journal: Path | None,
) -> list[AimkitError]:
    failures = []
    with console.progress(len(entries), "evaluate", "images") as bar, ThreadPoolExecutor(max(1, workers)) as pool:
        pending = [pool.submit(work.measure, entry) for entry in entries]
        try:
            for done in as_completed(pending):
                try:
                    row = done.result()
                except AimkitError as error:
                    failures.append(error)
                else:
                    rows[row["id"]] = row
                    if journal is not None:
                        _append(journal, {"key": keys[row["id"]], **row})
                bar.advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def _key(protocol: Protocol, model: Mapping[str, Any], entry: EvaluationImage) -> str:
    """Digest of all that a row depends on, 32 hex digits."""
    content = {**protocol.to_json(), "model": dict(model), "entry": [entry.id, entry.stamp]}
    # A row stays valid when other images join or leave the set.
    for field in ("data", "content", "text", "digest"):
        content.pop(field)
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _known(journal: Path, keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    if not journal.is_file():
        return rows
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            if keys.get(row["id"]) == row.pop("key"):
                rows[row["id"]] = row
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # The last line of a run that was killed may be incomplete.
    return rows


def _append(journal: Path, row: Mapping[str, Any]) -> None:
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("ab") as file:
        # Do not append to an incomplete line of an earlier run.
        broken = file.tell() > 0 and _last_byte(journal) != b"\n"
        file.write((b"\n" if broken else b"") + json.dumps(row).encode() + b"\n")


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
