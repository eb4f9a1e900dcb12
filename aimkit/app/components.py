"""Parts of the page that Gradio does not have: each is HTML that never changes, and a script that fills it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from aimkit.html import SCRIPT
from aimkit.imageio import encode_jpeg, encode_png
from aimkit.types import UInt8

_FOLDER = Path(__file__).parent


def part(name: str, value: Any = None, functions: list[Callable[..., Any]] | None = None, **more: Any) -> gr.HTML:
    """A part of the page.

    Args:
        name: Name of its two files in this folder: NAME.html has its elements, which must not depend on the value,
            since Gradio would draw them anew; the script NAME.js fills them from ``props.value``.
        value: First value, as plain data.
        functions: Functions that the script may call, by their names.
        more: Further arguments of ``gradio.HTML``.
    """
    more = {"server_functions": functions, "apply_default_css": False, **more}
    return gr.HTML(value, html_template=_file(f"{name}.html"), js_on_load=_file(f"{name}.js"), **more)


def report_part(value: str = "", **more: Any) -> gr.HTML:
    """A part that shows HTML of :mod:`aimkit.html`; it triggers ``pick`` with the name of what is clicked in it."""
    script = f"{SCRIPT.read_text(encoding='utf-8')}\n{_file('report_view.js')}"
    return gr.HTML(value, html_template=_file("report_view.html"), js_on_load=script, apply_default_css=False, **more)


def picture_url(picture: UInt8, exact: bool = False) -> str:
    """A picture as a data URL, so that it leaves no file behind: JPEG, or PNG where every level counts."""
    kind, data = ("png", encode_png(picture)) if exact or picture.shape[-1] == 4 else ("jpeg", encode_jpeg(picture, 88))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@cache
def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
