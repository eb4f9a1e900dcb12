"""The tab Compose: a recipe's controls beside a wall of its samples."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from aimkit.app.components import copy_text, part, picture_url
from aimkit.app.sessions import Session
from aimkit.app.settings import Studio
from aimkit.app.told import plain, telling
from aimkit.app.uploads import accept
from aimkit.datasets.inspect.sides import SIDES, side_of
from aimkit.errors import AimkitError
from aimkit.imageio import DecodedImage
from aimkit.recipe import find, header, raw_recipe
from aimkit.recipe_text import essential, overrides_between, recipe_toml
from aimkit.resources import recipes
from aimkit.synth.draft import RecipeDraft, draft
from aimkit.synth.drawn_layers import DrawnLayers
from aimkit.synth.preview import preview
from aimkit.types import Sample

#: Long side of a sample on the wall, and of one that is looked at, in pixels.
_SIDE, _CLOSE = 256, 720
#: Bytes of what generators drew that are kept, for all visitors together: what they drew is nobody's own.
_KEPT = 768 << 20
#: Largest recipe that is read, bytes.
_LONGEST = 1 << 20

_FORM = "<form class='recipe-form' onsubmit='return false' aria-label='Recipe'></form>"
_WALL = (
    "<div class='wall' aria-live='off'><div class='wall-line'><div class='wall-bar'></div></div>"
    "<p class='wall-note' role='status' hidden></p><div class='wall-grid'></div></div>"
)
_CLOSER = (
    "<dialog class='closer' aria-label='Sample'><button type='button' class='close' aria-label='Close'>✕</button>"
    "<div class='closer-body'></div></dialog>"
)


def compose(studio: Studio, page: gr.Blocks) -> None:
    """Build the tab within the ``gr.Tab`` of the page that is open."""
    drawn, serials = DrawnLayers(_KEPT), itertools.count(1)

    def recipe_spec(_: Any = None) -> dict[str, Any]:
        from aimkit.synth.recipe_controls import synth_controls

        return synth_controls()

    names = [(f"{name.split('/')[1]} · {header(path).splitlines()[0]}", name) for name, path in recipes("synth").items()]
    with gr.Row(elem_id="compose", equal_height=False):
        with gr.Column(scale=0, min_width=380, elem_id="compose-form"):
            choice = gr.Dropdown(names, value="synth/demo", label="Recipe", elem_id="compose-recipe")
            own = gr.UploadButton("Open a recipe file …", file_types=[".toml"], size="sm", elem_id="compose-open")
            form = part("recipe_form.js", _FORM, functions=[recipe_spec], elem_id="recipe-form")
        with gr.Column(min_width=300, elem_id="compose-wall"):
            with gr.Row(elem_classes="toolbar"):
                side = gr.Radio(
                    [(title, name) for name, title in SIDES.items()],
                    value="composite",
                    label="Show",
                    show_label=False,
                    container=False,
                    elem_classes="segmented",
                    elem_id="compose-side",
                )
                color = gr.ColorPicker("#00b050", label="Colour", visible=False, elem_id="compose-color")
            with gr.Row(elem_classes="toolbar"):
                back = gr.Button("←", size="sm", elem_id="compose-back", min_width=44)
                first = gr.Number(0, label="First sample", precision=0, minimum=0, elem_id="compose-first", min_width=90)
                forth = gr.Button("→", size="sm", elem_id="compose-forth", min_width=44)
                count = gr.Dropdown([6, 12, 24, 48], value=12, label="Samples", elem_id="compose-count", min_width=90)
                stop = gr.Button("Stop", size="sm", elem_id="compose-stop", min_width=70)
            wall = part("wall.js", _WALL, elem_id="wall")
            closer = part("closer_look.js", _CLOSER, elem_id="closer")
            with gr.Accordion("Your own cut-outs and photos", open=False, elem_id="compose-own"):
                with gr.Row():
                    cutouts = gr.File(label="Cut-outs, with an alpha channel", file_count="multiple", height=150)
                    photos = gr.File(label="Background photos", file_count="multiple", height=150)
                told = gr.Markdown(elem_id="compose-told")
            with gr.Accordion("Recipe file and command", open=False, elem_id="compose-text"):
                write = gr.Button("Write the recipe", variant="primary", elem_id="compose-write")
                command = copy_text("Command", elem_id="compose-command")
                toml = copy_text("Recipe file", elem_id="compose-toml")
                file = gr.DownloadButton("Download recipe.toml", visible=False, elem_id="compose-download")

    def take(session: Session, data: dict[str, Any], base: str) -> dict[str, Any]:
        session.values["compose"] = {"base": base, "before": data}
        return {"serial": next(serials), "base": base, "data": data}

    @telling
    def choose(name: str, request: gr.Request) -> dict[str, Any]:
        session = studio.sessions.of(request)
        session.values.pop("own recipe", None)
        return take(session, raw_recipe(name, kind="synth")[0], name.split("/")[1])

    @telling
    def open_file(path: str, request: gr.Request) -> dict[str, Any]:
        if Path(path).stat().st_size > _LONGEST:
            raise AimkitError("a recipe has less than 1 MB", Path(path).name)
        session = studio.sessions.of(request)
        data, _ = raw_recipe(path, kind="synth")
        return take(session, data, Path(path).name)

    def drafted(session: Session, form_value: dict[str, Any]) -> RecipeDraft:
        folders = {key: session.values.get(f"own {key}") for key in ("foregrounds", "backgrounds")}
        return draft(form_value["data"], local=studio.local, **folders)

    def show(
        form_value: dict[str, Any] | None, side: str, color: str, first: float, count: int, request: gr.Request
    ) -> Iterator[dict[str, Any]]:
        if not form_value:
            return
        session = studio.sessions.of(request)
        wanted, turn = session.turn("wall"), next(serials)
        told = {"turn": turn, "serial": form_value["serial"], "faults": {}, "note": "", "total": int(count), "items": []}
        made = drafted(session, form_value)
        if made.shown is None:
            yield {**told, "faults": made.faults, "busy": False}
            return
        if made.stand_ins:
            told["note"] = f"Generators stand in for {', '.join(made.stand_ins)}: these pictures are not here."
        kept: dict[int, Sample] = {}
        session.values["wall"] = (made.shown, kept)
        yield {**told, "busy": True}
        indices = range(int(first or 0), int(first or 0) + int(count))
        try:
            for index, sample in preview(made.shown, indices, _SIDE, drawn=drawn, wanted=wanted):
                kept[index] = sample
                told = {**told, "items": [*told["items"], _tile(index, sample, side, color)]}
                yield {**told, "busy": len(told["items"]) < int(count)}
        except AimkitError as error:
            key = error.where.split(",")[-1].strip()
            yield {**told, "faults": {key or "(root)": plain(error)}, "busy": False}
            return
        yield {**told, "busy": False}

    def turn_over(side: str, color: str, wall_value: dict[str, Any], request: gr.Request) -> Any:
        """Another side of the samples that are there: nothing is made anew."""
        session = studio.sessions.of(request)
        _, kept = session.values.get("wall", (None, {}))
        tiles = [_tile(index, sample, side, color) for index, sample in sorted(kept.items())]
        shown = gr.ColorPicker(visible=side == "color")
        return {**(wall_value or {}), "turn": next(serials), "items": tiles}, shown

    @telling
    def look(color: str, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        session = studio.sessions.of(request)
        recipe, _ = session.values["wall"]
        index, sample = next(preview(recipe, [int(event.index)], _CLOSE, drawn=drawn))
        sides = [[title, picture_url(side_of(sample, name, _rgb(color)))] for name, title in SIDES.items()]
        title = f"Sample {index}, {sample.type.value}" + (f", {sample.category}" if sample.category else "")
        return {"serial": next(serials), "title": title, "sides": sides, "meta": sample.meta}

    @telling
    def add(paths: list[str] | None, key: str, request: gr.Request) -> str:
        session = studio.sessions.of(request)
        session.values.pop(f"own {key}", None)
        if not paths:
            return ""
        folder = session.place(key)
        uploads = accept(paths, folder, studio.limits, _not_cut_out if key == "foregrounds" else lambda picture: "")
        if uploads.files:
            session.values[f"own {key}"] = folder
        refused = "".join(f"\n- **{name}**: {reason}" for name, reason in uploads.refused)
        return f"{len(uploads.files)} pictures are used as {key}." + (f" Refused:{refused}" if refused else "")

    @telling
    def text(form_value: dict[str, Any], request: gr.Request) -> Any:
        session = studio.sessions.of(request)
        made, state = drafted(session, form_value), session.values["compose"]
        if made.recipe is None:
            raise AimkitError(f"{len(made.faults)} values are wrong", ", ".join(made.faults), "correct them first")
        base = state["base"]
        before = draft(state["before"]).recipe
        words = ["aimkit", "synth", base, "-o", f"out/{Path(base).stem}"]
        for key, name in (("foregrounds", "my/cutouts"), ("backgrounds", "my/photos")):
            words += [f"--{key}", name] if session.values.get(f"own {key}") else []
        words += overrides_between(state["before"], form_value["data"])
        content = recipe_toml(
            made.recipe,
            f"Made in the studio from {base}.",
            "aimkit synth recipe.toml -o out/mine",
            None if before is None else essential(before),
        )
        target = session.place("recipe") / "recipe.toml"
        target.write_text(content, encoding="utf-8")
        return shlex.join(words), content, gr.DownloadButton(value=str(target), visible=True)

    wanted = [form, side, color, first, count]
    redo = {"fn": show, "inputs": wanted, "outputs": wall, "show_progress": "hidden", "trigger_mode": "multiple"}
    redo |= {"concurrency_limit": 8, "concurrency_id": "wall", "api_visibility": "private"}
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on([choice.input], choose, choice, form, **quiet)
    own.upload(open_file, own, form, **quiet)
    form.change(**redo)
    first.change(**redo)
    count.input(**redo)
    gr.on([side.input, color.input], turn_over, [side, color, wall], [wall, color], **quiet)
    back.click(lambda at, n: max(0, int(at or 0) - int(n)), [first, count], first, **quiet)
    forth.click(lambda at, n: int(at or 0) + int(n), [first, count], first, **quiet)
    stop.click(_stopping(studio), None, None, **quiet)
    wall.look(look, color, closer, **quiet)
    for box, key in ((cutouts, "foregrounds"), (photos, "backgrounds")):
        box.change(add, [box, gr.State(key)], told, **quiet).then(**redo)
    write.click(text, form, [command, toml, file], **quiet)
    page.load(choose, choice, form, **quiet)


def _stopping(studio: Studio) -> Any:
    def stop(request: gr.Request) -> None:
        studio.sessions.of(request).stop("wall")

    return stop


def _tile(index: int, sample: Sample, side: str, color: str) -> dict[str, Any]:
    height, width = sample.size
    caption = " ".join(part for part in (sample.type.value, sample.category) if part)
    source = picture_url(side_of(sample, side, _rgb(color)))
    return {"index": index, "caption": caption, "src": source, "width": width, "height": height}


def _not_cut_out(picture: DecodedImage) -> str:
    return "" if picture.alpha is not None else "it has no alpha channel, so it is not a cut-out"


def _rgb(color: str) -> tuple[int, int, int]:
    """A colour as the picker sends it: ``#00b050`` or ``rgba(0, 176, 80, 1)``."""
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(color)[:3]
    except ValueError:
        numbers = [float(word) for word in color.partition("(")[2].rstrip(")").split(",")[:3]]
        red, green, blue = (round(n) for n in numbers) if len(numbers) == 3 else (0, 176, 80)
    return red, green, blue
