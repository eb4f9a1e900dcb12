"""The tab Compose: a recipe's controls next to a wall of its samples."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from aimkit.app.components import part, picture_url
from aimkit.app.sessions import Session
from aimkit.app.settings import Studio
from aimkit.app.told import plain, telling
from aimkit.app.uploads import accept
from aimkit.datasets.inspect.sides import SIDES, side_of
from aimkit.errors import AimkitError
from aimkit.imageio import DecodedImage
from aimkit.recipe import header, raw_recipe
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
#: Most samples on the wall.
_MOST = 48
#: What the wall shows at first.
_TOOLS = {"side": "composite", "color": "#00b050", "first": 0, "count": 12}
#: Largest recipe that is read, bytes.
_LONGEST = 1 << 20


def compose(studio: Studio, page: gr.Blocks) -> None:
    """Build the tab within the ``gr.Tab`` of the page that is open."""
    drawn, serials = DrawnLayers(_KEPT), itertools.count(1)

    def recipe_spec(_: Any = None) -> dict[str, Any]:
        from aimkit.synth.recipe_controls import synth_controls

        purposes = [[name.split("/")[1], header(path).splitlines()[0]] for name, path in recipes("synth").items()]
        return {"recipes": purposes, **synth_controls()}

    with gr.Row(elem_id="compose", equal_height=False):
        with gr.Column(scale=0, min_width=380, elem_id="compose-form"):
            form = part("recipe_form", functions=[recipe_spec], elem_id="recipe-form")
            own = gr.UploadButton("Open a recipe file …", file_types=[".toml"], size="sm", elem_id="compose-open")
        with gr.Column(min_width=300, elem_id="compose-wall"):
            tools = part("wall_tools", _TOOLS, elem_id="wall-tools")
            wall = part("wall", elem_id="wall")
            closer = part("closer_look", elem_id="closer")
            with gr.Accordion("Your own cut-outs and photos", open=False, elem_id="compose-own"):
                with gr.Row():
                    cutouts = gr.File(label="Cut-outs, with an alpha channel", file_count="multiple", height=150)
                    photos = gr.File(label="Background photos", file_count="multiple", height=150)
                told = gr.Markdown(elem_id="compose-told")
            with gr.Accordion("Recipe file and command", open=False, elem_id="compose-text"):
                write = gr.Button("Write the recipe", variant="primary", elem_id="compose-write")
                command = part("copy_text", "", elem_id="compose-command")
                toml = part("copy_text", "", elem_id="compose-toml")
                file = gr.DownloadButton("Download recipe.toml", visible=False, elem_id="compose-download")

    def take(session: Session, data: dict[str, Any], base: str) -> dict[str, Any]:
        session.values["compose"] = {"base": base, "before": data}
        return {"serial": next(serials), "base": base, "data": data}

    @telling
    def begin(request: gr.Request) -> dict[str, Any]:
        return take(studio.sessions.of(request), raw_recipe("synth/demo")[0], "demo")

    @telling
    def choose(event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        name = str(event.name)
        if f"synth/{name}" not in recipes("synth"):
            raise AimkitError(f"unknown recipe '{name}'")
        return take(studio.sessions.of(request), raw_recipe(f"synth/{name}")[0], name)

    @telling
    def open_file(path: str, request: gr.Request) -> dict[str, Any]:
        if Path(path).stat().st_size > _LONGEST:
            raise AimkitError("the recipe file is larger than 1 MB", Path(path).name)
        session = studio.sessions.of(request)
        data, _ = raw_recipe(path, kind="synth")
        return take(session, data, Path(path).name)

    def drafted(session: Session, form_value: dict[str, Any]) -> RecipeDraft:
        folders = {key: session.values.get(f"own {key}") for key in ("foregrounds", "backgrounds")}
        most = None if studio.local else studio.limits.megapixels_of_canvas * 1_000_000
        return draft(form_value["data"], local=studio.local, most_pixels=most, **folders)

    def show(form_value: dict[str, Any] | None, view: dict[str, Any], request: gr.Request) -> Iterator[dict[str, Any]]:
        if not form_value:
            return
        session = studio.sessions.of(request)
        wanted, turn = session.turn("wall"), next(serials)
        first, count = max(0, int(view["first"])), min(int(view["count"]), _MOST)
        told = {"turn": turn, "serial": form_value["serial"], "faults": {}, "note": "", "total": count, "items": []}
        made = drafted(session, form_value)
        if made.shown is None:
            yield {**told, "faults": made.faults, "busy": False}
            return
        if made.stand_ins:
            told["note"] = f"Generators stand in for pictures that are not here: {', '.join(made.stand_ins)}."
        kept: dict[int, Sample] = {}
        session.values["wall"] = (made.shown, kept)
        yield {**told, "busy": True}
        try:
            for index, sample in preview(made.shown, range(first, first + count), _SIDE, drawn=drawn, wanted=wanted):
                kept[index] = sample
                told = {**told, "items": [*told["items"], _tile(index, sample, view)]}
                yield {**told, "busy": len(told["items"]) < count}
        except AimkitError as error:
            key = error.where.split(",")[-1].strip()
            yield {**told, "faults": {key or "(root)": plain(error)}, "busy": False}
            return
        yield {**told, "busy": False}

    def turn_over(view: dict[str, Any], wall_value: dict[str, Any] | None, request: gr.Request) -> dict[str, Any]:
        """Show another side of the current samples; nothing is made again."""
        session = studio.sessions.of(request)
        _, kept = session.values.get("wall", (None, {}))
        tiles = [_tile(index, sample, view) for index, sample in sorted(kept.items())]
        return {**(wall_value or {}), "turn": next(serials), "items": tiles}

    @telling
    def look(view: dict[str, Any], event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        session = studio.sessions.of(request)
        recipe, _ = session.values["wall"]
        index, sample = next(preview(recipe, [int(event.index)], _CLOSE, drawn=drawn))
        sides = [[title, picture_url(side_of(sample, name, _rgb(view["color"])))] for name, title in SIDES.items()]
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
        number = len(uploads.files)
        told = f"{number} picture{'s are' if number != 1 else ' is'} used as {key}."
        if uploads.refused:
            told += " Refused:" + "".join(f"\n- **{name}**: {reason}" for name, reason in uploads.refused)
        return told

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

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    redo = {"fn": show, "inputs": [form, tools], "outputs": wall, "trigger_mode": "multiple", **quiet}
    redo |= {"concurrency_limit": 8, "concurrency_id": "wall"}
    form.choose(choose, None, form, **quiet)
    own.upload(open_file, own, form, **quiet)
    form.change(**redo)
    form.change(None, None, [command, toml], js="() => ['', '']", **quiet)  # they would tell of another recipe
    tools.move(**redo)
    tools.turn(turn_over, [tools, wall], wall, **quiet)
    tools.halt(_stopping(studio), None, None, **quiet)
    wall.look(look, tools, closer, **quiet)
    for box, key in ((cutouts, "foregrounds"), (photos, "backgrounds")):
        box.change(add, [box, gr.State(key)], told, **quiet).then(**redo)
    write.click(text, form, [command, toml, file], **quiet)
    page.load(begin, None, form, **quiet)


def _stopping(studio: Studio) -> Any:
    def stop(request: gr.Request) -> None:
        studio.sessions.of(request).stop("wall")

    return stop


def _tile(index: int, sample: Sample, view: dict[str, Any]) -> dict[str, Any]:
    height, width = sample.size
    caption = " ".join(part for part in (sample.type.value, sample.category) if part)
    source = picture_url(side_of(sample, view["side"], _rgb(view["color"])))
    return {"index": index, "caption": caption, "src": source, "width": width, "height": height}


def _not_cut_out(picture: DecodedImage) -> str:
    return "" if picture.alpha is not None else "it has no alpha channel, so it is not a cut-out"


def _rgb(color: str) -> tuple[int, int, int]:
    """A colour as the page's picker sends it, ``#00b050``."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
