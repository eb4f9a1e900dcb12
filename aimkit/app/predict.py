"""The tab Predict: photos in, mattes and cut-outs out, and a brush to correct them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import gradio as gr

from aimkit.app.components import part
from aimkit.app.photo_work import KINDS, PhotoWork, offered_weights, predictor_of
from aimkit.app.settings import Studio
from aimkit.app.told import telling
from aimkit.app.uploads import accept
from aimkit.errors import AimkitError
from aimkit.imageio import read_rgb
from aimkit.predict.arguments import STRATEGIES
from aimkit.predict.collect import PhotoJob


def predict(studio: Studio, page: gr.Blocks) -> None:
    """Build the tab within the ``gr.Tab`` of the page that is open."""
    serials = itertools.count(1)
    with gr.Row(elem_id="predict", equal_height=False):
        with gr.Column(scale=0, min_width=300, elem_id="predict-side"):
            photos = gr.File(label="Photos", file_count="multiple", height=150, elem_id="predict-photos")
            weights = gr.Dropdown(offered_weights(), label="Network", elem_id="predict-weights")
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

    def work_of(request: gr.Request) -> PhotoWork:
        session = studio.sessions.of(request)
        if "predict" not in session.values:
            session.values["predict"] = PhotoWork(session.place("predictions"))
        work: PhotoWork = session.values["predict"]
        return work

    def strip_of(work: PhotoWork, note: str = "", busy: bool = False, chosen: str = "") -> dict[str, Any]:
        return {"turn": next(serials), "items": work.strip(), "busy": busy, "note": note, "chosen": chosen}

    def view_of(work: PhotoWork, name: str) -> list[Any]:
        files = [gr.DownloadButton(value=str(work.output(name, kind))) for kind in ("alpha", "cutout")]
        view = {"serial": next(serials), **work.view(name)}
        return [view, gr.Row(visible=True), *files, gr.DownloadButton(visible=False)]

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
        nothing, chosen = [gr.skip()] * 5, ""
        if not work.jobs:
            yield [strip_of(work, "" if work.refused else "Drop photos first."), *nothing]
            return
        wanted = session.turn("predict")
        work.done, work.failed = [], {}
        yield [strip_of(work, "Loading the network …", True), *nothing]
        predictor = predictor_of(weights, strategy if strategy in STRATEGIES else None, mirrored)
        for number, name in enumerate(work.jobs):
            if not wanted():
                yield [strip_of(work, f"Stopped after {number} of {len(work.jobs)} photos.", False, chosen), *nothing]
                return
            yield [strip_of(work, f"Photo {number + 1} of {len(work.jobs)} …", True, chosen), *nothing]
            work.predict(predictor, name)
            if name in work.done and not chosen:
                chosen = name
                yield [strip_of(work, "", True, chosen), *view_of(work, name)]
        yield [strip_of(work, "", False, chosen), *nothing]

    @telling
    def pick(event: gr.EventData, request: gr.Request) -> list[Any]:
        work, name = work_of(request), str(event.name)
        return [strip_of(work, chosen=work.job(name).name), *view_of(work, name)]

    @telling
    def touched(event: gr.EventData, request: gr.Request) -> list[Any]:
        work, name = work_of(request), str(event.name)
        work.touch(name, event.strokes)
        return view_of(work, name)

    @telling
    def behind(shown: dict[str, Any], event: gr.EventData, request: gr.Request) -> Any:
        from aimkit.predict.output import read_background

        work, mode = work_of(request), str(event.mode)
        if mode == "picture" and work.backdrop is not None:
            background = read_rgb(work.backdrop)
        elif mode == "color":
            background = read_background(f"#{str(event.color)[1:7]}")
        else:
            return gr.DownloadButton(visible=False)
        return gr.DownloadButton(value=str(work.place_over(str(shown["name"]), background)), visible=True)

    @telling
    def hang(path: str, shown: dict[str, Any] | None, request: gr.Request) -> Any:
        work = work_of(request)
        uploads = accept([path], studio.sessions.of(request).place("backdrop"), studio.limits)
        if uploads.refused:
            raise AimkitError(*reversed(uploads.refused[0]))
        work.backdrop = uploads.files[0]
        return {"serial": next(serials), **work.view(str(shown["name"]))} if shown else gr.skip()

    @telling
    def packed(request: gr.Request) -> Any:
        from aimkit.predict.archive import zip_outputs

        work = work_of(request)
        target = work.folder / "predictions.zip"
        zip_outputs(target, [work.jobs[name] for name in work.done], work.folder, KINDS)
        return gr.DownloadButton(value=str(target), visible=True)

    @telling
    def kept(shown: dict[str, Any] | None, request: gr.Request) -> Any:
        from aimkit.predict.archive import zip_pairs

        work = work_of(request)
        if not shown:
            raise AimkitError("no photo is shown", hint="choose one first")
        work.pairs = list(dict.fromkeys([*work.pairs, work.job(str(shown["name"])).name]))
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
