"""Backgrounds photographed inside panoramas: real, cluttered places, looked at in any direction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from aimkit.bounds import Angles, CanvasSide, Within
from aimkit.datasets.scan import Candidate, ScanRecord, candidates, scan
from aimkit.datasets.scan_report import ScanReport
from aimkit.errors import AimkitError
from aimkit.imageio import decode, max_pixels, rgb_of
from aimkit.imageio.formats import sniff
from aimkit.imageio.radiance import decode_radiance
from aimkit.recipe import Range
from aimkit.rng import rng
from aimkit.synth.panorama import CameraPose, develop_light, photograph
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.source import Item, background_sources
from aimkit.synth.sources.folder import StoredBackgroundBlock
from aimkit.synth.sources.inspect_stored import read_files, unchanged
from aimkit.synth.sources.listing import list_folder
from aimkit.synth.sources.split import used
from aimkit.types import Array, Float, to_float, to_uint8

#: How much the sides of a panorama may miss 2 : 1.
_TOLERANCE = 0.02


class PanoramaBackgrounds(StoredBackgroundBlock):
    """Views out of equirectangular panoramas: Radiance HDR and OpenEXR, developed to pictures, or JPEG, PNG and so on.

    Every view is an item of its own, drawn from the panorama's digest and the number of the view: the same on every
    machine and in a packed pool. All views of a panorama are on the same side of the split.

    Attributes:
        views: Number of views of each panorama.
        height: Height of a view in pixels.
        width: Width of a view in pixels.
        fov: Field of view along the longer side in degrees, drawn from [low, high].
        yaw: Direction of the view in degrees; 0 is the middle of the panorama, 90 is to its right.
        pitch: How far the camera is turned up, in degrees.
        roll: How far it is turned clockwise, in degrees.
        exposure: Exposure beyond that for the average of the view, in stops; only for linear light.
    """

    source: Literal["panoramas"] = "panoramas"
    views: Annotated[int, Field(ge=1, le=10_000)] = 24
    height: CanvasSide = 640
    width: CanvasSide = 640
    fov: Annotated[Range, Within(5, 150)] = (50.0, 100.0)
    yaw: Angles = (-180.0, 180.0)
    pitch: Annotated[Range, Within(-90, 90)] = (-30.0, 15.0)
    roll: Angles = (-3.0, 3.0)
    exposure: Annotated[Range, Within(-10, 10)] = (-0.7, 0.7)


@dataclass
class PanoramaViews:
    """Views out of panoramas; see :class:`aimkit.synth.source.BackgroundSource`.

    Attributes:
        items: The views.
        report: What was left out, and why.
        candidates: The panorama of each view, in the same order.
        block: The source's table.
    """

    items: Sequence[Item]
    report: ScanReport
    candidates: Sequence[Candidate]
    block: PanoramaBackgrounds

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Float:
        """Take a view; ``size`` and ``rng`` are not used."""
        return to_float(self.picture(position).level(0)[0])

    def part(self, position: int) -> tuple[int, ...]:
        """What distinguishes an item from others of the same file: the number of the view."""
        return (position % self.block.views,)

    def picture(self, position: int) -> ImagePyramid:
        """Take a view, uint8.

        Raises:
            AimkitError: The panorama can't be read, or is not the file any more that was scanned.
        """
        one, block, digest = self.candidates[position], self.block, self.items[position].digest
        panorama, is_light = read_panorama(unchanged(read_files(one), digest, one.where)[0], one.where)
        draw = rng(0, "panorama", digest, *self.part(position))
        fov, yaw, pitch, roll, stops = (
            float(draw.uniform(*span)) for span in (block.fov, block.yaw, block.pitch, block.roll, block.exposure)
        )
        seen = photograph(panorama, CameraPose(fov, yaw, pitch, roll), (block.height, block.width))
        if is_light:
            return ImagePyramid(to_uint8(develop_light(seen, stops)))
        return ImagePyramid(np.asarray(np.rint(seen), np.uint8))


@background_sources.register("panoramas", params=PanoramaBackgrounds)
def panoramas(block: PanoramaBackgrounds) -> PanoramaViews:
    """Views out of the panoramas of a folder, searched with its subfolders."""
    _, images, report = list_folder(block)
    found = candidates([(name, (path,)) for name, path in images.files.items()], report.skips)
    found = sorted(found, key=lambda one: one.id)
    report.found = len(found) + len(report.skips)
    records = scan(found, _inspect, f"panorama {report.where}", block.title)
    for one, record in zip(found, records, strict=True):
        if record.problem:
            report.skips.add(one.id, record.problem, one.where)
    kept = [(one, record) for one, record in zip(found, records, strict=True) if not record.problem]
    chosen, items = [], []
    mine = used([record.digest for _, record in kept], block, report.where)
    for one, record in (pair for pair, is_used in zip(kept, mine, strict=True) if is_used):
        for number in range(block.views):
            chosen.append(one)
            name, licence, origin = f"{one.id}/{number}", block.licence, block.origin
            items.append(Item(name, block.title, licence=licence, origin=origin, digest=record.digest))
    report.used = sum(mine)
    report.tell()
    if not items:
        raise AimkitError("the source has no usable panorama", f"{block.title}, {report.where}", report.why_empty())
    return PanoramaViews(items, report, chosen, block)


def read_panorama(data: bytes, where: str) -> tuple[Array, bool]:
    """A panorama: linear light as float32 in any unit, or levels as uint8, (h, w, 3); and whether it is light.

    Raises:
        AimkitError: It can't be read, or its width is not twice its height.
    """
    try:
        is_radiance = sniff(data).name == "HDR"
        pixels: Array = decode_radiance(data, max_pixels()) if is_radiance else np.zeros(0)
    except ValueError as error:
        raise AimkitError(f"can't read the image: {error}", where, "replace or remove the file") from None
    is_light = is_radiance
    if not is_radiance:
        image = decode(data, where)
        is_light = image.linear
        if is_light and image.color.ndim == 3:
            pixels = np.nan_to_num(image.color.astype(np.float32), nan=0, posinf=65504).clip(0, 65504)
        elif is_light:
            raise AimkitError("the panorama has no colours", where)
        else:
            pixels = rgb_of(image, where)
    height, width = pixels.shape[:2]
    if abs(width / height - 2) > 2 * _TOLERANCE:
        what = f"{width}x{height} pixels are not a panorama: its width is twice its height (equirectangular)"
        raise AimkitError(what, where, 'photos are for source = "folder"')
    return pixels, is_light


def _inspect(one: Candidate) -> ScanRecord:
    data = read_files(one)[0]
    height, width = read_panorama(data, one.where)[0].shape[:2]
    digest = hashlib.sha256(data).hexdigest()
    return ScanRecord(digest=digest, content=digest, height=height, width=width)
