"""Which folders of the serving machine a visitor may open: the offered ones, or all when on the machine itself."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from aimkit.app.settings import Studio
from aimkit.app.told import hide_paths
from aimkit.errors import AimkitError

_ELSEWHERE = "remote visitors can't open folders of this machine"


def folder_fields(studio: Studio, name: str, label: str, placeholder: str = "") -> tuple[gr.Dropdown, gr.Textbox]:
    """A choice of the offered folders, where there are any, and a field for a path, where its visitors may name one.

    Args:
        studio: What it may do.
        name: Prefix of the elements' ids.
        label: Label of the field.
        placeholder: What the field may hold.
    """
    choices = [(folder.name, str(number)) for number, folder in enumerate(studio.folders)]
    offered = gr.Dropdown(
        choices, value=None, label="Offered", visible=bool(choices), elem_id=f"{name}-offered", interactive=True
    )
    path = gr.Textbox(
        label=label, placeholder=placeholder, visible=studio.local, elem_id=f"{name}-path", max_lines=1, max_length=4096
    )
    return offered, path


def folder_named(studio: Studio, offered: str | None, path: str | None) -> str:
    """The folder that the fields name: the path, else the offered one.

    Raises:
        AimkitError: Neither is given, or visitors may not name paths.
    """
    path = (path or "").strip()
    if path:
        # The field is hidden from them, but whoever talks to the server needs no field.
        if not studio.local:
            raise AimkitError(_ELSEWHERE, hint="choose one of the offered folders")
        return path
    if offered is None:
        raise AimkitError("no folder is named", hint="name one" if studio.local else "choose an offered one")
    if offered not in map(str, range(len(studio.folders))):
        raise AimkitError("this folder is not offered")
    return str(studio.folders[int(offered)])


def shown_title(studio: Studio, title: str) -> str:
    """The name of a folder as its visitor may see it: the path where they could name it, else the last name."""
    return title if studio.local or "://" in title or title.startswith("hf:") else Path(title).name


def shown_text(studio: Studio, text: str) -> str:
    """A text of the server's, with paths hidden from remote visitors."""
    return text if studio.local else hide_paths(text)


def may_open(studio: Studio, path: str) -> None:
    """Refuse a path that a file names, unless the visitor could name it too, or it leads into an offered folder.

    Raises:
        AimkitError: It is refused.
    """
    if studio.local:
        return
    real = Path(path).resolve()
    if not any(real.is_relative_to(folder.resolve()) for folder in studio.folders):
        raise AimkitError(_ELSEWHERE, hint="the pictures of these results are not offered")
