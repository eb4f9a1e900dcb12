"""A contact sheet of predictions: the photo, its matte, and the cut-out on green."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aimkit.datasets.inspect.canvas import encode_png, grid, tile, tile_height
from aimkit.datasets.inspect.sheet import over_green
from aimkit.errors import AimkitError
from aimkit.imageio import encode_jpeg, read_alpha, read_rgb, read_rgba
from aimkit.predict.files import Job
from aimkit.types import UInt8, to_uint8

#: The outputs that a sheet is drawn from.
NEEDS = ("alpha", "cutout")

#: Rows of a sheet; a longer one is nothing to look at.
MOST = 40

_ENCODERS: dict[str, Callable[[UInt8], bytes]] = {".png": encode_png, ".jpg": encode_jpeg, ".jpeg": encode_jpeg}


def check_sheet(path: Path, kinds: Sequence[str]) -> None:
    """Whether a sheet can be drawn, before anything is predicted.

    Raises:
        AimkitError: The file is no PNG or JPEG, or the outputs lack what is on it.
    """
    if path.suffix.lower() not in _ENCODERS:
        raise AimkitError(f"a sheet is a PNG or a JPEG, not '{path.suffix}'", f"--sheet {path}", "name it sheet.jpg")
    missing = [kind for kind in NEEDS if kind not in kinds]
    if missing:
        hint = f"--outputs {','.join([*kinds, *missing])}"
        raise AimkitError(f"a sheet shows {' and '.join(NEEDS)}, {' and '.join(missing)} is left out", "--sheet", hint)


def draw_sheet(jobs: Sequence[Job], out: Path, path: Path, width: int = 240) -> bytes:
    """Draw a row for each photo from what lies in the folder of the outputs.

    Args:
        jobs: Photos whose outputs are there, at least one; the first ``MOST`` are drawn.
        out: Folder of the outputs.
        path: Where the sheet will lie; its suffix decides the format.
        width: Of a tile in pixels; its height is that of a typical photo.

    Returns:
        The file's bytes.
    """
    shown = [(job.name, *_planes(job, out)) for job in jobs[:MOST]]
    height = tile_height([photo.shape for _, photo, *_ in shown], width)
    rows = [(name, [tile(plane, width, height) for plane in planes]) for name, *planes in shown]
    return _ENCODERS[path.suffix.lower()](grid(["photo", "alpha", "on green"], rows))


def _planes(job: Job, out: Path) -> tuple[UInt8, UInt8, UInt8]:
    matte = to_uint8(read_alpha(job.output(out, "alpha")))
    color, _ = read_rgba(job.output(out, "cutout"))
    return read_rgb(job.path), matte, over_green(color, matte)
