"""Run an evaluation: every image once, several at a time; finished images are taken from a journal."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.evaluate.averages import averages
from aimkit.evaluate.digest import code_digest
from aimkit.evaluate.images import EvaluationImage, EvaluationPlanes, EvaluationSet
from aimkit.evaluate.mattes import in_words
from aimkit.evaluate.protocol import Protocol
from aimkit.journal import append
from aimkit.journal import read as read_journal
from aimkit.metrics.matting import METRICS, MORE, matting_metrics
from aimkit.skips import Skips
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
    of_data: bool = False,
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
        journal: File of finished images, one JSON line each. Images with the same protocol, model, code of aimkit and
            content of their files are taken from it, so that a run that was killed continues. Skipped images are listed
            in skipped.txt beside it.
        fresh: Ignore the images in the journal.
        of_data: ``predict`` was made from the data, as a baseline is: its rows hold for no other set.

    Returns:
        ``model``, ``protocol``, ``averages``, ``images`` (in the order of the data), ``skipped`` (id and reason of
        images that can't be read or predicted) and ``notes``, as JSON values.

    Raises:
        AimkitError: The data is empty, the scale of its mattes can't be told, or no image can be read and predicted.
    """
    if not data.entries:
        raise AimkitError("the data has no images", data.name)
    definitions, model = definitions or Definitions(), dict(model or {})
    protocol = protocol_of(data, strategy, definitions)
    doubts = [f"truth: {note}" for note in data.truths.notes]
    doubts = [*(data.table.notes if data.table else ()), *doubts]
    doubts += [f"predictions: {note}" for note in (data.predictions.notes if data.predictions else ())]
    for doubt in doubts:
        console.warn(doubt)
    work = _Work(data, predict, definitions, threading.Lock())
    keys = _keys(data, protocol, model, of_data, workers) if journal else {}
    rows = {} if journal is None or fresh else _known(journal, keys)
    if rows:
        console.info(f"{len(rows)} of {len(keys)} images are already done")
    skips = _evaluate(work, [entry for entry in data.entries if entry.id not in rows], rows, keys, workers, journal)
    total = len(data.entries)
    listed = journal.with_name("skipped.txt") if journal else None
    if listed:
        listed.unlink(missing_ok=True)
    skips.tell(total, listed)
    skips.check(total)
    images = [rows[entry.id] for entry in data.entries if entry.id in rows]
    lacking = [row["id"] for row in images if row["sad_transition"] is None]
    notes = [*doubts, *([f"{len(lacking)} trimaps have no transition area: {', '.join(lacking[:5])}"] * bool(lacking))]
    if skips:
        left = sorted(row.name for row in skips.rows)
        more = ", ..." if len(left) > 5 else ""
        notes.append(f"averages over {len(images)} of {total} images, without {', '.join(left[:5])}{more}")
    return {
        "model": model,
        "protocol": protocol.to_json(),
        "averages": averages(images, (*METRICS, *MORE)),
        "images": images,
        "skipped": [row._asdict() for row in sorted(skips.rows)],
        "notes": notes,
    }


def protocol_of(data: EvaluationSet, strategy: str, definitions: Definitions) -> Protocol:
    """The protocol of a run."""
    corrected = definitions.conn == "corrected"
    conn = "corrected (empty overlap: previous level)" if corrected else "parity (empty overlap: 1)"
    size = "at the truth's size, nothing resized"
    levels = in_words(data.predictions) if data.predictions else ""
    grad, truth = definitions.grad, in_words(data.truths)
    return Protocol(data.name, data.digest, strategy, size, data.trimap, grad, conn, truth, levels, data.origin)


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
            raise AimkitError(error.what, error.where or entry.where, error.hint) from None
        height, width = planes.alpha.shape
        facts = {"id": entry.id, "type": entry.type, "category": entry.category, "width": width, "height": height}
        if self.data.table is not None:
            # A mirror is the word of whoever made it: what it held is told for each image.
            facts["digest"] = self.data.content_digest(entry)
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
) -> Skips:
    skips = Skips("image")
    with console.progress(len(entries), "evaluate", "images") as bar, ThreadPoolExecutor(max(1, workers)) as pool:
        pending = {pool.submit(work.measure, entry): entry.id for entry in entries}
        try:
            for done in as_completed(pending):
                name = pending[done]
                with skips.guard(name):
                    rows[name] = done.result()
                if journal is not None and name in rows:
                    append(journal, {"key": keys[name], **rows[name]})
                bar.advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    skips.rows.sort()
    return skips


def _keys(
    data: EvaluationSet, protocol: Protocol, model: Mapping[str, Any], of_data: bool, workers: int
) -> dict[str, str]:
    """By id, the digest of all that a row depends on, 32 hex digits."""
    # The title is only the name in tables. A row stays valid when other images join or leave the set.
    shared: dict[str, Any] = {**protocol.to_json(), "model": {k: v for k, v in model.items() if k != "title"}}
    for field in ("data", "content", "text", "digest"):
        shared.pop(field)
    shared["code"] = code_digest()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        contents = dict(zip([one.id for one in data.entries], pool.map(data.content_digest, data.entries), strict=True))
    if of_data:
        shared["set"] = sorted(contents.items())
    return {
        name: hashlib.sha256(json.dumps([shared, name, content], sort_keys=True).encode()).hexdigest()[:32]
        for name, content in contents.items()
    }


def _known(journal: Path, keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    others = set[str]()
    for row in read_journal(journal, "the images are measured again"):
        name, key = row.get("id"), row.pop("key", None)
        if not isinstance(name, str) or name not in keys:
            continue
        if keys[name] == key:
            rows[name] = row
        else:
            others.add(name)
    if changed := len(others - set(rows)):
        console.info(
            f"{changed} of {len(keys)} images were measured with another model, protocol or version of aimkit, or have "
            "changed: they are measured again"
        )
    return rows
