"""The tab Predict: photos in, mattes and cut-outs out, and a brush to correct them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import gradio as gr

from aimkit.app.components import part, picture_url
from aimkit.app.settings import Studio
from aimkit.app.told import hide_paths, telling
from aimkit.app.uploads import accept
from aimkit.errors import AimkitError
from aimkit.imageio import decode, read_rgb
from aimkit.predict.arguments import STRATEGIES
from aimkit.predict.collect import PhotoJob
from aimkit.types import UInt8, to_float

if TYPE_CHECKING:
    from aimkit.predict.predictor import Predictor

#: Long side of pictures on the page, and of the strip's, in pixels; files have the photo's own size.
_SIDE, _THUMB = 1400, 160
#: What is made of each photo.
_KINDS = ("alpha", "cutout", "trimap", "semantic")
#: Most strokes, and points of one, that are taken from a page.
_STROKES, _POINTS = 500, 5000


@dataclass
class _Work:
    """What a visitor predicts.

    Attributes:
        folder: Folder of the outputs.
        jobs: The photos that can be read, by name.
        refused: Name and reason of the others.
        failed: Reason by name, of photos that could not be predicted.
        done: Names of the photos whose outputs are written.
        pairs: Names of the photos that were corrected and kept to fine-tune with.
        backdrop: Own background, or None.
    """

    folder: Path
    jobs: dict[str, PhotoJob] = field(default_factory=dict)
    refused: tuple[tuple[str, str], ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    backdrop: Path | None = None


def predict(studio: Studio, page: gr.Blocks) -> None:
    """Build the tab within the ``gr.Tab`` of the page that is open."""
    serials = itertools.count(1)
    with gr.Row(elem_id="predict", equal_height=False):
        with gr.Column(scale=0, min_width=300, elem_id="predict-side"):
            photos = gr.File(label="Photos", file_count="multiple", height=150, elem_id="predict-photos")
            weights = gr.Dropdown(_weights(), label="Network", elem_id="predict-weights")
            strategy = gr.Dropdown(["the network's own", *STRATEGIES], label="Strategy", elem_id="predict-strategy")
            mirrored = gr.Checkbox(label="Average with the mirrored photo", elem_id="predict-tta")
            with gr.Row():
                again = gr.Button("Predict", variant="primary", elem_id="predict-run")
                stop = gr.Button("Stop", elem_id="predict-stop", min_width=70)
            backdrop = gr.UploadButton("Own background …", file_types=["image"], size="sm", elem_id="predict-backdrop")
        with gr.Column(min_width=300, elem_id="predict-main"):
            strip = part("photo_strip", elem_id="strip")
            shown = part("matte_view", elem_id="matte")
            with gr.Row(elem_classes="toolbar", elem_id="predict-files", visible=False) as files:
                alpha = gr.DownloadButton("↓ Alpha", size="sm", elem_id="predict-alpha")
                cutout = gr.DownloadButton("↓ Cut-out", size="sm", elem_id="predict-cutout")
                over = gr.DownloadButton("↓ Composite", size="sm", visible=False, elem_id="predict-composite")
                pack = gr.Button("All as a ZIP", size="sm", elem_id="predict-pack")
                archive = gr.DownloadButton("↓ predictions.zip", size="sm", visible=False, elem_id="predict-zip")
                keep = gr.Button("Keep as a fine-tuning pair", size="sm", elem_id="predict-keep")
                pairs = gr.DownloadButton("↓ pairs.zip", size="sm", visible=False, elem_id="predict-pairs")

    def work_of(request: gr.Request) -> _Work:
        session = studio.sessions.of(request)
        if "predict" not in session.values:
            session.values["predict"] = _Work(session.place("predictions"))
        work: _Work = session.values["predict"]
        return work

    def strip_of(work: _Work, note: str = "", busy: bool = False, chosen: str = "") -> dict[str, Any]:
        rows = []
        for name, job in work.jobs.items():
            state = "done" if name in work.done else "failed" if name in work.failed else "waiting"
            reason = work.failed.get(name, "")
            rows.append({"name": name, "src": _thumbnail(job.path), "state": state, "reason": reason})
        rows += [{"name": name, "src": "", "state": "refused", "reason": reason} for name, reason in work.refused]
        return {"turn": next(serials), "items": rows, "busy": busy, "note": note, "chosen": chosen}

    def show(work: _Work, name: str) -> dict[str, Any]:
        job = work.jobs[name]
        photo = read_rgb(job.path)
        value: dict[str, Any] = {
            "serial": next(serials),
            "name": name,
            "width": photo.shape[1],
            "height": photo.shape[0],
        }
        value["photo"] = picture_url(_reduced(photo))
        value["cutout"] = picture_url(_reduced(_stored(job.output(work.folder, "cutout"))))
        for kind in ("alpha", "trimap", "semantic"):
            value[kind] = picture_url(_reduced(_stored(job.output(work.folder, kind))), exact=True)
        value["backdrop"] = picture_url(_reduced(read_rgb(work.backdrop))) if work.backdrop else ""
        return value

    def buttons(work: _Work, name: str) -> list[Any]:
        paths = [str(work.jobs[name].output(work.folder, kind)) for kind in ("alpha", "cutout")]
        return [
            gr.Row(visible=True),
            *(gr.DownloadButton(value=path) for path in paths),
            gr.DownloadButton(visible=False),
        ]

    @telling
    def drop(paths: list[str] | None, request: gr.Request) -> dict[str, Any]:
        session = studio.sessions.of(request)
        session.stop("predict")
        session.values.pop("predict", None)
        work = work_of(request)
        uploads = accept(paths or [], session.place("photos"), studio.limits)
        work.jobs = {path.stem: PhotoJob(path, path.stem) for path in uploads.files}
        work.refused = uploads.refused
        return strip_of(work)

    @telling
    def run(weights: str, strategy: str, mirrored: bool, request: gr.Request) -> Iterator[list[Any]]:
        session, work = studio.sessions.of(request), work_of(request)
        nothing = [gr.skip()] * 5
        if not work.jobs:
            yield [strip_of(work, "" if work.refused else "Drop photos first."), *nothing]
            return
        wanted = session.turn("predict")
        work.done, work.failed = [], {}
        yield [strip_of(work, "Loading the network …", True), *nothing]
        predictor = _predictor(weights, strategy if strategy in STRATEGIES else None, mirrored)
        chosen = ""
        for number, (name, job) in enumerate(work.jobs.items()):
            if not wanted():
                yield [strip_of(work, f"Stopped after {number} of {len(work.jobs)} photos.", False, chosen), *nothing]
                return
            yield [strip_of(work, f"Photo {number + 1} of {len(work.jobs)} …", True, chosen), *nothing]
            reason = _predict(predictor, job, work.folder)
            if reason:
                work.failed[name] = reason
                continue
            work.done.append(name)
            if not chosen:
                chosen = name
                yield [strip_of(work, "", True, chosen), show(work, name), *buttons(work, name)]
        yield [strip_of(work, "", False, chosen), *nothing]

    @telling
    def pick(event: gr.EventData, request: gr.Request) -> list[Any]:
        work, name = work_of(request), str(event.name)
        _known(work, name)
        return [strip_of(work, chosen=name), show(work, name), *buttons(work, name)]

    @telling
    def touched(event: gr.EventData, request: gr.Request) -> list[Any]:
        from aimkit.matting.touch_up import touch_up
        from aimkit.predict.files import write_outputs
        from aimkit.predict.output import CompositeStyle
        from aimkit.predict.predictor import Prediction

        work, name = work_of(request), str(event.name)
        job = _known(work, name)
        matte = touch_up(to_float(_stored(job.output(work.folder, "alpha"))), _strokes(event.strokes))
        semantic = _stored(job.output(work.folder, "semantic"))
        prediction = Prediction(read_rgb(job.path), matte, semantic, matte)
        write_outputs(job, prediction, work.folder, ("alpha", "cutout", "trimap"), CompositeStyle())
        return [show(work, name), *buttons(work, name)]

    @telling
    def behind(shown: dict[str, Any], event: gr.EventData, request: gr.Request) -> Any:
        from aimkit.imageio import write_png
        from aimkit.predict.output import place_over, read_background

        work = work_of(request)
        job, mode = _known(work, str(shown["name"])), str(event.mode)
        if mode == "picture" and work.backdrop is not None:
            background = read_rgb(work.backdrop)
        elif mode == "color":
            background = read_background(f"#{str(event.color)[1:7]}")
        else:
            return gr.DownloadButton(visible=False)
        cut, target = _stored(job.output(work.folder, "cutout")), job.output(work.folder, "composite")
        write_png(target, place_over(cut[..., :3], to_float(cut[..., 3]), background))
        return gr.DownloadButton(value=str(target), visible=True)

    @telling
    def hang(path: str, shown: dict[str, Any] | None, request: gr.Request) -> dict[str, Any] | None:
        work = work_of(request)
        uploads = accept([path], studio.sessions.of(request).place("backdrop"), studio.limits)
        if uploads.refused:
            raise AimkitError(*reversed(uploads.refused[0]))
        work.backdrop = uploads.files[0]
        return show(work, str(shown["name"])) if shown else gr.skip()

    @telling
    def packed(request: gr.Request) -> Any:
        from aimkit.predict.archive import zip_outputs

        work = work_of(request)
        target = work.folder / "predictions.zip"
        zip_outputs(target, [work.jobs[name] for name in work.done], work.folder, _KINDS)
        return gr.DownloadButton(value=str(target), visible=True)

    @telling
    def kept(shown: dict[str, Any] | None, request: gr.Request) -> Any:
        from aimkit.predict.archive import zip_pairs

        work = work_of(request)
        if not shown:
            raise AimkitError("no photo is shown", hint="choose one first")
        _known(work, str(shown["name"]))
        work.pairs = list(dict.fromkeys([*work.pairs, str(shown["name"])]))
        target = work.folder / "pairs.zip"
        zip_pairs(target, [work.jobs[name] for name in work.pairs], work.folder)
        return gr.DownloadButton(f"↓ pairs.zip ({len(work.pairs)})", value=str(target), visible=True)

    def halt(request: gr.Request) -> None:
        studio.sessions.of(request).stop("predict")

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    network = {"concurrency_limit": 1, "concurrency_id": "network", **quiet}
    settings, results = [weights, strategy, mirrored], [strip, shown, files, alpha, cutout, over]
    photos.change(drop, photos, strip, **quiet).then(run, settings, results, **network)
    again.click(run, settings, results, **network)
    stop.click(halt, None, None, **quiet)
    strip.pick(pick, None, results, **quiet)
    shown.touched(touched, None, [shown, files, alpha, cutout, over], **quiet)
    shown.backdrop(behind, shown, over, **quiet)
    backdrop.upload(hang, [backdrop, shown], shown, **quiet)
    pack.click(packed, None, archive, **quiet)
    keep.click(kept, shown, pairs, **quiet)


def _weights() -> list[tuple[str, str]]:
    """The zoo's matting networks that are on this machine, the default first; a page downloads nothing."""
    from aimkit.zoo import store
    from aimkit.zoo.manifest import default_entry, entries

    default = default_entry()
    here = [entry for entry in entries() if entry.stage == "matting" and (entry == default or store.cached(entry))]
    here.sort(key=lambda entry: entry != default)
    return [(f"{entry.id} (default)" if entry == default else entry.id, entry.id) for entry in here]


_loading = Lock()


def _predictor(weights: str, strategy: str | None, mirrored: bool) -> Predictor:
    with _loading:
        return _loaded(weights, strategy, mirrored)


@lru_cache(maxsize=2)
def _loaded(weights: str, strategy: str | None, mirrored: bool) -> Predictor:
    from aimkit.predict.predictor import Predictor

    if weights not in dict(_weights()).values():
        raise AimkitError(f"'{weights}' is not offered", "Network")
    return Predictor.load(weights, strategy, tta=mirrored)


def _predict(predictor: Predictor, job: PhotoJob, out: Path) -> str:
    """Predict a photo and write its outputs; return the reason if that was not possible."""
    from aimkit.predict.files import predict_files
    from aimkit.predict.output import CompositeStyle

    skips = predict_files([job], predictor, out, _KINDS, CompositeStyle())
    return hide_paths(skips.rows[0].reason) if len(skips) else ""


def _known(work: _Work, name: str) -> PhotoJob:
    if name not in work.done:
        raise AimkitError("the photo has no prediction", name, "predict it first")
    return work.jobs[name]


def _strokes(sent: Any) -> list[Any]:
    """Strokes as a page sent them, within bounds."""
    from aimkit.matting.touch_up import BrushStroke

    strokes = []
    for one in list(sent)[:_STROKES]:
        points = tuple((float(x), float(y)) for x, y in one["points"][:_POINTS])
        radius, softness = (min(max(float(one[key]), 0.0), 0.5) for key in ("radius", "softness"))
        strokes.append(BrushStroke(points, radius, softness, 1.0 if one["value"] else 0.0))
    return strokes


def _stored(path: Path) -> UInt8:
    """The pixels of one of our own outputs."""
    return decode(path).pixels


def _reduced(picture: UInt8, side: int = _SIDE) -> UInt8:
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=512)
def _thumbnail(path: Path) -> str:
    return picture_url(_reduced(read_rgb(path), _THUMB))
