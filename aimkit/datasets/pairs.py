"""Folders of images with mattes or masks, read as samples without foreground and background planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from aimkit.datasets.catalog import find_published
from aimkit.datasets.catalog.layout import LABELS, files, locate
from aimkit.datasets.exclude import ExcludeList, read_exclude, without_suffix
from aimkit.datasets.find import find_images, subfolder
from aimkit.datasets.matte_folder import MatteFolder
from aimkit.datasets.pair_check import Pair, check_pairs
from aimkit.datasets.pairing import pair_files
from aimkit.datasets.scan_report import ScanReport
from aimkit.datasets.types_file import match, read_types, usual_types_file
from aimkit.errors import AimkitError
from aimkit.imageio import read_rgb
from aimkit.matting.image_type import infer
from aimkit.matting.trimap import restrict, trimap
from aimkit.storage import Place
from aimkit.types import Array, ImageType, Sample, to_float, to_uint8

#: Usual names of the folders; those of published datasets come first.
IMAGE_FOLDERS = ("original", "image", "images", "im", "DUTS-TR-Image", "img", "merged")
ALPHA_FOLDERS = ("mask", "alpha", "masks", "gt", "DUTS-TR-Mask")


class PairSamples(Sequence[Sample]):
    """Samples of pairs; foreground and background are empty (0, 0, 3) and the compositing equation does not apply.

    Args:
        pairs: The files to read.
        kernel: Size of the trimap's kernel, pixels.
        matte: Applied to every alpha, float32 in [0, 1], after reading; None leaves it unchanged.
        mattes: How the mattes are read, see :func:`aimkit.datasets.pair_check.check_pairs`; each on its own by default.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        kernel: int,
        matte: Callable[[Array], Array] | None = None,
        mattes: MatteFolder | None = None,
    ) -> None:
        self.pairs, self.kernel, self.matte, self.mattes = list(pairs), kernel, matte, mattes or MatteFolder()
        self.types = [str(pair.type or "") for pair in self.pairs]

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, position: int) -> Sample: ...
    @overload
    def __getitem__(self, position: slice) -> list[Sample]: ...
    def __getitem__(self, position: int | slice) -> Sample | list[Sample]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        pair = self.pairs[position]
        image, alpha = read_rgb(pair.image), to_float(self.mattes.read(pair.alpha))
        if image.shape[:2] != alpha.shape:
            raise AimkitError(
                f"image and matte differ in size: {_size(image)} and {_size(alpha)}", f"{pair.image}, {pair.alpha}"
            )
        if self.matte is not None:
            alpha = self.matte(alpha)
        kind = pair.type or infer(alpha).type
        levels = to_uint8(alpha)
        unknown = trimap(levels, self.kernel)
        none = np.zeros((0, 0, 3), np.uint8)
        meta = {
            "composition_valid": False,
            "sources": [{"role": "image", "id": pair.name}],
            "label": {"schedule": "fixed", "kernel": [self.kernel, self.kernel]},
        }
        return Sample(image, levels, unknown, restrict(unknown, kind), none, none, kind, pair.category, {**meta})


def image_alpha_pairs(
    root: Path,
    types: str = "",
    kernel: int = 30,
    *,
    alpha_range: str = "",
    allow_missing: bool = False,
    exclude: str | list[str] = "",
) -> PairSamples:
    """Read photos with alpha mattes: AIM-500's layout, or folders of similar names.

    Args:
        root: Folder with ``original/`` and ``mask/`` (or ``image/`` and ``alpha/``, ...); files are matched by name,
            see :func:`aimkit.datasets.pairing.pair_files`.
        types: Path of a types file; by default, a file with one of the usual names below ``root``. Types are inferred
            if there is none.
        kernel: Size of the trimap's kernel, pixels.
        alpha_range: Scale of the mattes ("0-1", "0-255", ...); decided from all of them when empty.
        allow_missing: Whether most files may lack a partner, and pairs of different sizes are left out.
        exclude: Files to leave out, see :func:`aimkit.datasets.exclude.read_exclude`.

    Raises:
        AimkitError: A folder is missing, most files have no partner, sizes differ, the scale of the mattes can't be
            told, or the types file does not match the images.
    """
    report = _report(root)
    pairs, mattes = check_pairs(
        _matched(root, "", "", report, allow_missing, exclude), report, alpha_range, allow_missing
    )
    return PairSamples(_typed(pairs, types or usual_types_file(root)), kernel, mattes=mattes)


def published_pairs(
    root: Path,
    name: str,
    part: str = "",
    types: str = "",
    kernel: int | None = None,
    *,
    alpha_range: str = "",
    allow_missing: bool = False,
    exclude: str | list[str] = "",
) -> PairSamples:
    """Read photos with mattes or masks of a published dataset, see :mod:`aimkit.datasets.catalog`.

    Args:
        root: The dataset's folder, its parent folder, or the folder of the part.
        name: Name of the dataset.
        part: Name of the part; when empty, the dataset's first.
        types: Path of a types file; by default the dataset's own, if it has one. Otherwise all images have the
            dataset's type.
        kernel: Size of the trimap's kernel, pixels; 10 for masks and 30 for mattes by default.
        alpha_range: As for :func:`image_alpha_pairs`.
        allow_missing: As for :func:`image_alpha_pairs`.
        exclude: As for :func:`image_alpha_pairs`.

    Raises:
        AimkitError: The dataset or part is unknown, a folder is missing, the part has no photos, or else as for
            :func:`image_alpha_pairs`.
    """
    one = find_published(name, "data.set")
    located = locate(one, one.part(part, where="data.part"), root)
    if not {"image", "alpha"} <= located.planes.keys():
        hint = f"source = \"synth\" with a recipe that uses it ('aimkit catalog show {one.name}')"
        raise AimkitError(f"{one.title}, part {located.part.name} has no photos with mattes", str(root), hint)
    kind = ImageType(one.type) if one.type else None
    found = files(located)
    pairs = [
        Pair(name, Path(str(planes["image"])), Path(str(planes["alpha"])), kind, one.category)
        for name, planes in found.complete.items()
    ]
    if not pairs:
        raise AimkitError("no image has a matte of the same name", str(located.folder))
    report = ScanReport(one.title, str(located.folder), skips=found.skips)
    pairs = _without(pairs, read_exclude(exclude), located.folder, report, allow_missing)
    for role in ("image", "alpha"):
        for name in found.missing.get(role, ()):
            report.skips.add(name, f"no {LABELS[role]} of this name")
    pairs, mattes = check_pairs(pairs, report, alpha_range, allow_missing)
    own = Path(str(located.folder)) / located.part.types_file if located.part.types_file else None
    masks = located.part.use == "saliency"
    size = kernel if kernel is not None else 10 if masks else 30
    return PairSamples(_typed(pairs, types or own), size, binary if masks else None, mattes)


def _without(
    pairs: list[Pair], exclude: ExcludeList, folder: Place, report: ScanReport, allow_missing: bool
) -> list[Pair]:
    """The pairs neither of whose files is excluded."""
    files = [path.relative_to(str(folder)).as_posix() for pair in pairs for path in (pair.image, pair.alpha)]
    gone = exclude.select([(name, without_suffix(name)) for name in files], folder)
    report.notes += exclude.check(files, allow_missing)
    report.excluded = len(gone)
    return [pair for pair, *two in zip(pairs, files[::2], files[1::2], strict=True) if not gone & set(two)]


def _typed(pairs: list[Pair], file: str | Path | None) -> list[Pair]:
    """Add the types and categories of a types file, if there is one."""
    if file is None:
        return pairs
    matching = match([pair.name for pair in pairs], read_types(file))
    if matching.missing:
        raise AimkitError(f"the types file lacks {len(matching.missing)} images\n{matching.text()}", str(file))
    typed = [matching.typed[pair.name] for pair in pairs]
    return [Pair(p.name, p.image, p.alpha, t.type, t.category) for p, t in zip(pairs, typed, strict=True)]


def saliency_pairs(
    root: Path,
    image: str = "",
    mask: str = "",
    kernel: int = 10,
    *,
    alpha_range: str = "",
    allow_missing: bool = False,
    exclude: str | list[str] = "",
) -> PairSamples:
    """Read a saliency dataset: images and masks, thresholded at one half, all of type SO.

    Args:
        root: Folder that holds both folders (DUTS-TR-Image and DUTS-TR-Mask, or im and gt, ...).
        image: Name of the image folder; when empty, the first usual one.
        mask: Name of the mask folder; when empty, the first usual one.
        kernel: Size of the trimap's kernel, pixels.
        alpha_range: As for :func:`image_alpha_pairs`.
        allow_missing: As for :func:`image_alpha_pairs`.
        exclude: As for :func:`image_alpha_pairs`.

    Raises:
        AimkitError: As for :func:`image_alpha_pairs`.
    """
    report = _report(root)
    matched = _matched(root, image, mask, report, allow_missing, exclude)
    found = [Pair(p.name, p.image, p.alpha, ImageType.SO) for p in matched]
    pairs, mattes = check_pairs(found, report, alpha_range, allow_missing)
    return PairSamples(pairs, kernel, binary, mattes)


def binary(alpha: Array) -> Array:
    """Threshold a mask at one half: saliency masks contain JPEG noise."""
    return (alpha >= 0.5).astype(np.float32)


def _report(root: Path) -> ScanReport:
    return ScanReport(root.resolve().name, str(root))


def _matched(
    root: Path, image: str, alpha: str, report: ScanReport, allow_missing: bool, exclude: str | list[str]
) -> list[Pair]:
    folders = subfolder(root, image, IMAGE_FOLDERS, "image"), subfolder(root, alpha, ALPHA_FOLDERS, "mask")
    listed = read_exclude(exclude)
    images, mattes = (find_images(folder, listed) for folder in folders)
    report.notes += listed.check([*images.files, *mattes.files], allow_missing)
    names = (folders[0].name, folders[1].name)
    if not images.files or not mattes.files:
        counts = f"{len(images.files)} images, {len(mattes.files)} mattes"
        raise AimkitError("no image has a matte of the same name", str(root), counts)
    told = [row.name for found in (images, mattes) for row in found.skips.rows]
    both = pair_files(images.files, mattes.files, names, where=str(root), allow_missing=allow_missing, told=told)
    for found in (images, mattes):
        report.add(found)
    report.skips.extend(both.lost)
    report.notes += both.notes
    return [Pair(name, *files) for name, files in both.pairs.items()]


def _size(array: Array) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
