"""What is kept of a picture once all its checks have run, and the folder of them that checks compare."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from aimkit.datasets.matte_folder import MatteFacts
from aimkit.imageio.reduced import reduced
from aimkit.lint.crops import LintCorners, corners, crops
from aimkit.lint.item import LintItem, LintTarget
from aimkit.lint.once import once
from aimkit.lint.view import LintView
from aimkit.synth.sources.split import look
from aimkit.types import UInt8, to_float

#: Side of the pictures by which look-alikes are compared, pixels.
TINY = 24


@dataclass(frozen=True)
class LintLook:
    """How a picture looks, to find it again in another size, format, or mirrored.

    Attributes:
        bits: Perceptual hash, hex, see :func:`aimkit.synth.sources.split.look`.
        mirrored: The hash of its mirror image.
        tiny: Luminance, uint8, (24, 24).
        flat: It has hardly any contrast, so that its hash is chance.
    """

    bits: str
    mirrored: str
    tiny: UInt8
    flat: bool


@dataclass(frozen=True)
class LintRecord:
    """What is kept of a picture or pair.

    Attributes:
        item: What it is.
        found: What is wrong with it, by check.
        problem: Why it can't be read, or "".
        size: (height, width) of the colours; (0, 0) when unknown.
        has_alpha: Its file has an alpha channel that hides something.
        facts: What the decision on its folder's mattes needs, or None.
        digest: SHA-256 of the colours' file, hex.
        whole: How the whole picture looks; None for cut-outs, whose surroundings mean nothing.
        subject: How the foreground looks, cut out by its matte; None without one.
        corners: By what crops of the whole picture are found; None for cut-outs, composites and plain pictures.
        thumbnail: PNG of at most 160 pixels, or b"".
    """

    item: LintItem
    found: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    size: tuple[int, int] = (0, 0)
    has_alpha: bool = False
    facts: MatteFacts | None = None
    digest: str = ""
    whole: LintLook | None = None
    subject: LintLook | None = None
    corners: LintCorners | None = None
    thumbnail: bytes = b""


@dataclass(frozen=True)
class LintFolder:
    """Everything that was looked at.

    Attributes:
        target: What was listed.
        records: What is kept of its items, in their order.
        against: The same of the pictures that must not be in it.
    """

    target: LintTarget
    records: list[LintRecord]
    against: list[LintRecord] = field(default_factory=list)

    @once
    def crops(self) -> list[tuple[int, int]]:
        """Positions in ``[*records, *against]`` of the pairs of which one is a crop of the other."""
        return crops([record.corners for record in [*self.records, *self.against]])


def looks(view: LintView) -> tuple[LintLook | None, LintLook | None]:
    """How a picture looks: the whole of it, and its foreground."""
    cut = len(view.blobs) == 1 and view.matte is not None
    whole = None if cut or view.item.role == "colours" else _look(view.small, np.full_like(view.small, 255))
    made = view.item.role == "composite"
    # Composites share their foregrounds by design.
    subject = None if made or view.small_alpha is None else _look(view.small, view.small_alpha)
    return whole, subject


def corners_of(view: LintView, whole: LintLook | None) -> LintCorners | None:
    """What crops of a picture are found by; composites share their backgrounds by design."""
    return None if whole is None or whole.flat or view.item.role == "composite" else corners(view.small)


def thumbnail(view: LintView, side: int = 160) -> bytes:
    """PNG: the picture; over a chequered ground where it is a cut-out, with its matte beside it where it is a pair."""
    from aimkit.imageio import encode_png

    rgb = reduced(view.rgb, side)
    alpha = None if view.alpha is None else cv2.resize(view.alpha, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
    if alpha is not None and len(view.blobs) > 1:
        rgb = np.hstack([rgb, cv2.merge([alpha] * 3)])
    elif alpha is not None:
        rows, columns = np.indices(alpha.shape) // 8
        ground = np.where((rows + columns) % 2, 205, 255).astype(np.float32)[..., None]
        weight = to_float(np.asarray(alpha))[..., None]
        rgb = np.rint(rgb * weight + ground * (1 - weight)).astype(np.uint8)
    return encode_png(np.ascontiguousarray(rgb), 6)


def _look(grey: UInt8, alpha: UInt8) -> LintLook | None:
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 12), np.flatnonzero(alpha.max(axis=0) > 12)
    if not len(rows) or not len(columns):
        return None
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    weight = to_float(np.ascontiguousarray(alpha[window]))
    seen = np.rint(grey[window] * weight + 128 * (1 - weight)).astype(np.uint8)
    tiny = np.asarray(cv2.resize(seen, (TINY, TINY), interpolation=cv2.INTER_AREA), np.uint8)
    bits, mirrored = (
        look(cv2.merge([plane] * 3), np.ones(plane.shape, np.float32))  # type: ignore[arg-type]
        for plane in (seen, np.ascontiguousarray(seen[:, ::-1]))
    )
    return LintLook(bits, mirrored, tiny, float(tiny.std()) < 4)
