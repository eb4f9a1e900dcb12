"""A contact sheet of predictions: the photo, its matte, and the cut-out on green."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aimkit.datasets.inspect.canvas import encode_png, grid, tile, tile_height
from aimkit.datasets.inspect.sheet import over_green
from aimkit.errors import AimkitError
from aimkit.imageio import encode_jpeg, read_alpha, read_rgb, read_rgba
from aimkit.predict.collect import PhotoJob
from aimkit.types import UInt8, to_uint8

#: The outputs that a sheet is drawn from.
NEEDS = ("alpha", "cutout")

#: Maximum rows of a sheet; longer ones are hard to look at.
MOST = 40

_ENCODERS: dict[str, Callable[[UInt8], bytes]] = {".png": encode_png, ".jpg": encode_jpeg, ".jpeg": encode_jpeg}


def check_sheet(path: Path, kinds: Sequence[str]) -> None:
    """Check that a sheet can be drawn, before anything is predicted.

    Raises:
        AimkitError: The file is not a PNG or JPEG, or the outputs lack what the sheet shows.
    """
    if path.suffix.lower() not in _ENCODERS:
        raise AimkitError(f"a sheet must be PNG or JPEG, not '{path.suffix}'", f"--sheet {path}", "name it sheet.jpg")
    missing = [kind for kind in NEEDS if kind not in kinds]
    if missing:
        hint = f"--outputs {','.join([*kinds, *missing])}"
        raise AimkitError(
            f"a sheet needs the outputs {' and '.join(NEEDS)}; {' and '.join(missing)} is missing", "--sheet", hint
        )


def draw_sheet(jobs: Sequence[PhotoJob], out: Path, path: Path, width: int = 240) -> bytes:
    """Draw a sheet with a row for each photo, from its written outputs.

    Args:
        jobs: Photos whose outputs exist, at least one; the first ``MOST`` are drawn.
        out: Folder of the outputs.
        path: File of the sheet; its suffix decides the format.
        width: Width of a tile in pixels; the height follows from a typical photo.

    Returns:
        The encoded image.
    """
    shown = [(job.name, *_planes(job, out)) for job in jobs[:MOST]]
    height = tile_height([photo.shape for _, photo, *_ in shown], width)
    rows = [(name, [tile(plane, width, height) for plane in planes]) for name, *planes in shown]
    return _ENCODERS[path.suffix.lower()](grid(["photo", "alpha", "on green"], rows))


def _planes(job: PhotoJob, out: Path) -> tuple[UInt8, UInt8, UInt8]:
    matte = to_uint8(read_alpha(job.output(out, "alpha")))
    color, _ = read_rgba(job.output(out, "cutout"))
    return read_rgb(job.path), matte, over_green(color, matte)
