"""Rendering the pictures of a recipe into a folder: several Blender processes at a time; a crash costs one picture."""

from __future__ import annotations

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.datasets.credits import CREDITS, Credit, write_credits
from aimkit.datasets.shadows import PASSES
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.folder_lock import clean_leftovers, locked
from aimkit.json_files import read_json
from aimkit.render.blender import BlenderFailed, BlenderProcess
from aimkit.render.models import unpack
from aimkit.render.picture import develop, encode, encode_pass, fault, read_plane
from aimkit.render.recipe import RenderRecipe
from aimkit.render.shots import Shot, job_of
from aimkit.render.surroundings import photo_stops
from aimkit.skips import Skips, reason_of

#: Name of the folder's record: the recipe and its digest.
RECORD = "render.json"

#: Views of a model that may fail; its others are skipped then.
_FAILURES = 2
#: Pictures after which the credits are written.
_OFTEN = 25


@dataclass
class RenderOutcome:
    """What a run did.

    Attributes:
        made: Pictures that were rendered and kept.
        known: Pictures that were there.
        rejected: Pictures that were not kept, with the reasons.
        skips: Pictures that failed.
        cpu_seconds: CPU seconds of Blender over all pictures that were rendered.
    """

    made: int = 0
    known: int = 0
    rejected: Skips = field(default_factory=lambda: Skips("picture"))
    skips: Skips = field(default_factory=lambda: Skips("picture"))
    cpu_seconds: float = 0.0


def render(
    recipe: RenderRecipe,
    shots: Sequence[Shot],
    out: Path,
    command: Sequence[str],
    *,
    workers: int = 1,
    threads: int = 1,
    timeout: float = 600.0,
    memory: int = 8 << 30,
    resume: bool = False,
    prune: bool = False,
    limit: int | None = None,
) -> RenderOutcome:
    """Render the pictures that the folder lacks.

    Args:
        recipe: The recipe that the shots are of.
        shots: What to render, see :func:`aimkit.render.shots.plan`.
        out: Output folder.
        command: How Blender is started.
        workers: Number of Blenders.
        threads: Threads of each.
        timeout: Seconds that a picture may take.
        memory: Bytes that a Blender may hold.
        resume: Whether to keep what the folder has, and to render the rest.
        prune: Whether to remove pictures of the folder that are not among the shots.
        limit: Most pictures that are rendered, or None.

    Raises:
        AimkitError: The folder holds pictures and ``resume`` is not set, or can't be written, or Blender can't be
            started.
        KeyboardInterrupt: Finished pictures are kept.
    """
    with locked(out, "render"):
        clean_leftovers(out)
        known = _known(out)
        if known and not resume:
            hint = "use --resume to continue, or choose another folder"
            raise AimkitError(f"the folder holds {len(known)} pictures", str(out), hint)
        write_bytes(out / RECORD, (json.dumps(_record(recipe), indent=1) + "\n").encode())
        run = _RenderRun(recipe, out, known)
        todo = run.unfinished(shots, prune)[:limit]
        try:
            with tempfile.TemporaryDirectory(prefix="aimkit-render-") as work:
                run.work(todo, lambda: BlenderProcess(command, timeout, memory), workers, threads, Path(work))
        finally:
            run.write_credits()
    return run.outcome


def _record(recipe: RenderRecipe) -> dict[str, Any]:
    return {"kind": "render", "digest": recipe.digest(), "recipe": recipe.resolved()}


def _known(out: Path) -> dict[str, dict[str, Any]]:
    """Sidecars of the folder by the picture's id; damaged ones are as good as none."""
    found = {}
    for path in sorted(out.rglob("*.json")):
        if path.name in (RECORD, CREDITS) or any(part.startswith(".") for part in path.relative_to(out).parts):
            continue
        try:
            row = read_json(path, dict, "sidecar")
        except AimkitError as error:
            console.detail(f"{path}: {error.what}")
            continue
        if isinstance(row.get("digest"), str) and isinstance(row.get("model"), dict):
            found[path.relative_to(out).with_suffix("").as_posix()] = row
    return found


class _RenderRun:
    """The state of a run; its methods but :meth:`_take` are called by one thread."""

    def __init__(self, recipe: RenderRecipe, out: Path, known: dict[str, dict[str, Any]]) -> None:
        self.recipe, self.out, self.known = recipe, out, known
        self.outcome = RenderOutcome()
        self.limits = recipe.reject.model_dump()
        self.failures: Counter[str] = Counter()
        self._local = threading.local()
        self._processes: list[BlenderProcess] = []

    def unfinished(self, shots: Sequence[Shot], prune: bool) -> list[Shot]:
        """The shots that the folder lacks; what it has besides the shots is reported, or removed."""
        wanted = {shot.id for shot in shots}
        gone = [name for name in self.known if name not in wanted]
        for name in gone if prune else ():
            del self.known[name]
            self._remove(name)
        if gone:
            what = "pictures that the recipe does not make"
            console.info(f"{len(gone)} {what} removed" if prune else f"the folder has {len(gone)} {what} (see --prune)")
        todo = []
        for shot in shots:
            row = self.known.get(shot.id)
            if row is None or row["digest"] != shot.digest:
                todo.append(shot)
            elif row.get("rejected"):
                if row.get("limits") == self.limits:
                    self.outcome.rejected.add(shot.id, row["rejected"])
                else:
                    todo.append(shot)
            elif (self.out / f"{shot.id}.{self.recipe.format}").is_file():
                self.outcome.known += 1
            else:
                todo.append(shot)
        if self.outcome.known:
            console.info(f"{self.outcome.known} of {len(shots)} pictures are already done")
        return todo

    def work(
        self, shots: Sequence[Shot], start: Callable[[], BlenderProcess], workers: int, threads: int, folder: Path
    ) -> None:
        """Render shots with several Blenders."""
        pool = ThreadPoolExecutor(max(1, min(workers, len(shots))))
        stop = threading.Event()
        waiting: dict[Future[dict[str, Any]], Shot] = {}
        rest = iter(shots)
        try:
            with console.progress(len(shots), "render", "pictures") as bar:
                while True:
                    # No more than are at work, so that failures of a model keep its other views from being tried.
                    for shot in rest:
                        if self.failures[shot.model.id] >= _FAILURES:
                            self.outcome.skips.add(shot.id, f"{_FAILURES} pictures of its model failed")
                            bar.advance()
                            continue
                        waiting[pool.submit(self._take, shot, start, threads, folder, stop)] = shot
                        if len(waiting) >= workers:
                            break
                    if not waiting:
                        break
                    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                    for one in done:
                        self._settle(waiting.pop(one), one)
                        bar.advance()
        finally:
            stop.set()
            for process in self._processes:
                process.close()
            pool.shutdown(cancel_futures=True)

    def _take(
        self, shot: Shot, start: Callable[[], BlenderProcess], threads: int, folder: Path, stop: threading.Event
    ) -> dict[str, Any]:
        """Render one shot and write it; the sidecar comes last, and is returned."""
        if stop.is_set():
            raise AimkitError("stopped")
        if not hasattr(self._local, "blender"):
            self._local.blender = start()
            self._local.folder = Path(tempfile.mkdtemp(dir=folder))
            self._processes.append(self._local.blender)
        blender: BlenderProcess = self._local.blender
        own: Path = self._local.folder
        target = own / "picture"
        for leftover in own.glob("picture.*"):
            leftover.unlink()
        answer = blender.ask(job_of(shot, unpack(shot.model, own), target, threads))
        options = shot.setup["output"]
        exposure = options["exposure"]
        if exposure == "auto" and shot.setup["light"].get("photo"):
            exposure = photo_stops(float(answer.get("gain", 1)))
        color, matte = (read_plane(f"{target}.{name}.exr") for name in ("color", "matte"))
        cutout = develop(color, matte, exposure, options["view"])
        sidecar = _sidecar(shot, answer, blender.versions) | {"stops": cutout.stops}
        bad = fault(cutout, self.recipe)
        if bad:
            sidecar |= {"rejected": bad, "limits": self.limits}
            self._remove(shot.id)
        else:
            # From below the ground there is no shadow to see.
            written = [name for name in shot.setup["passes"] if Path(f"{target}.{name}.exr").is_file()]
            for name in written:
                data = encode_pass(name, read_plane(f"{target}.{name}.exr"))
                write_bytes(self.out / PASSES / f"{shot.id}.{name}.png", data)
            sidecar["passes"] = written
            write_bytes(self.out / f"{shot.id}.{options['format']}", encode(cutout, options["format"], options["bits"]))
        write_bytes(self.out / f"{shot.id}.json", (json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n").encode())
        return sidecar

    def _settle(self, shot: Shot, done: Future[dict[str, Any]]) -> None:
        outcome = self.outcome
        before = len(outcome.skips)
        error = done.exception()
        if isinstance(error, AimkitError) and error.what in ("can't start Blender",):
            raise error
        with outcome.skips.guard(shot.id):
            sidecar = done.result()
            self.known[shot.id] = sidecar
            outcome.cpu_seconds += float(sidecar.get("cpu_seconds", 0))
            if sidecar.get("rejected"):
                outcome.rejected.add(shot.id, sidecar["rejected"])
            else:
                outcome.made += 1
        if len(outcome.skips) > before:
            self.failures[shot.model.id] += 1
            reason = reason_of(error) if isinstance(error, AimkitError) else str(error)
            console.detail(f"{shot.id}: {reason}{'' if not isinstance(error, BlenderFailed) else ' (restarted)'}")
        if (outcome.made + 1) % _OFTEN == 0:
            self.write_credits()

    def write_credits(self) -> None:
        """Write the credits of all pictures that the folder has."""
        pictures = {name: credit_of(row["model"]) for name, row in self.known.items() if not row.get("rejected")}
        write_credits(self.out, pictures)

    def _remove(self, name: str) -> None:
        for path in [self.out / f"{name}.{suffix}" for suffix in ("json", "png", "webp")]:
            path.unlink(missing_ok=True)
        for path in (self.out / PASSES).glob(f"{name}.*.png"):
            path.unlink(missing_ok=True)


def _sidecar(shot: Shot, answer: dict[str, Any], versions: dict[str, str]) -> dict[str, Any]:
    model = asdict(shot.model)
    kept = ("id", "name", "category", "creator", "licence", "origin")
    camera = shot.setup["camera"]
    number = int(answer.get("view", 0))
    return {
        "id": shot.id,
        "digest": shot.digest,
        "model": {key: model[key] for key in kept},
        "light": shot.setup["light"],
        "camera": {key: value for key, value in camera.items() if key != "views"} | camera["views"][number],
        "look": shot.setup["look"],
        **({"pose": shot.setup["pose"] | {"frame": answer.get("frame")}} if "pose" in shot.setup else {}),
        **{key: shot.setup[key] for key in ("seed", "samples", "matte_samples", "denoise", "output", "passes")},
        "frame": answer.get("size"),
        "glass": bool(answer.get("glass")),
        "missing_textures": answer.get("missing", []),
        "cpu_seconds": answer.get("cpu_seconds", 0),
        "versions": versions,
    }


def credit_of(model: dict[str, Any]) -> Credit:
    """What the credits state about a model's pictures."""
    text = {key: str(model.get(key) or "") for key in ("creator", "origin", "licence", "category")}
    origin = ", ".join(part for part in (text["creator"], text["origin"]) if part)
    return Credit(text["licence"], origin, text["category"], str(model.get("id") or ""))


def credit_rows(models: Iterable[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """Rows [licence, creator and origin, pictures], the most pictures first."""
    counts = Counter((credit_of(model).licence, credit_of(model).origin) for model in models)
    return [(licence, origin, number) for (licence, origin), number in counts.most_common()]
