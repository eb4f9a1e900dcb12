"""The files of a Hugging Face Space that runs the studio."""

from __future__ import annotations

from pathlib import Path

import aimkit
from aimkit.errors import AimkitError
from aimkit.files import write_bytes

_README = """---
title: aimkit studio
emoji: ✂️
colorFrom: green
colorTo: gray
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
pinned: false
license: mit
short_description: Compose matting datasets and try matting networks
---

# aimkit studio

Compose datasets for image matting from a recipe, try networks on photos, and compare results.
The same page runs on your own machine: `pip install 'aimkit[studio]'`, then `aimkit studio`.

Uploads are removed when a page is closed. Visitors see no files but their own.
"""

_APP = '''"""The studio as a Space."""

from aimkit.app.studio import serve_space

serve_space()
'''


def write_space(folder: Path) -> list[Path]:
    """Write README.md with the Space's header, requirements.txt and app.py.

    Args:
        folder: A new or empty folder, or one with an earlier version of these files.

    Returns:
        The files.

    Raises:
        AimkitError: The folder holds something else, or can't be written.
    """
    files = {
        "README.md": _README.format(gradio=_gradio_version()),
        "requirements.txt": f"aimkit[studio]>={aimkit.__version__}\n",
        "app.py": _APP,
    }
    if folder.exists() and not folder.is_dir():
        raise AimkitError("not a folder", str(folder), "name a new folder")
    others = sorted({p.name for p in folder.iterdir()} - {*files, ".git", ".gitattributes"}) if folder.is_dir() else []
    if others:
        raise AimkitError(f"the folder holds other files, such as '{others[0]}'", str(folder), "name a new folder")
    for name, text in files.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in files]


def _gradio_version() -> str:
    """The installed version of Gradio: the Space should run what was tried here."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gradio")
    except PackageNotFoundError:
        return "6.0.0"
