"""The images of an evaluation, read one at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.evaluate.hub import cells
from aimkit.imageio import read_alpha, read_grey, read_rgb
from aimkit.matting.trimap import trimap as make_trimap
from aimkit.types import Array, UInt8


@dataclass(frozen=True)
class EvaluationImage:
    """An image of an evaluation set, not read yet.

    Attributes:
        id: Path below the folder without suffix.
        type: Image type: SO, STM, NS, or "".
        category: Category: animal, portrait, ..., or "".
        stamp: Text that changes when a file changes.
        files: Paths by role: image, alpha, trimap, prediction; None for tables.
        row: Row of the table, -1 for files.
    """

    id: str
    type: str = ""
    category: str = ""
    stamp: str = ""
    files: Mapping[str, Path] | None = None
    row: int = -1

    @property
    def where(self) -> str:
        """Location for error messages."""
        return str((self.files or {}).get("alpha", self.id))


@dataclass(frozen=True)
class EvaluationPlanes:
    """The planes of an image of an evaluation set.

    Attributes:
        alpha: True alpha matte, uint8, or float32 in [0, 1] for deeper files, (H, W).
        trimap: Trimap, uint8 {0, 128, 255}, (H, W).
        image: Photo, RGB, uint8, (H, W, 3), or None.
        prediction: Predicted alpha matte with the dtypes of ``alpha``, (H, W), or None.
    """

    alpha: Array
    trimap: UInt8
    image: UInt8 | None = None
    prediction: Array | None = None


@dataclass(frozen=True)
class EvaluationSet:
    """The images of an evaluation.

    Attributes:
        name: Name with the number of images, for the protocol.
        entries: The images, sorted by id.
        trimap: Origin of the trimaps, for the protocol.
        kernel: Elliptical kernel in pixels of trimaps that are computed.
        table: A Hugging Face dataset, or None if the images are files.
    """

    name: str
    entries: Sequence[EvaluationImage]
    trimap: str
    kernel: int = 30
    table: Any = None

    @property
    def digest(self) -> str:
        """SHA-256, hex, of ids, types and categories."""
        rows = [(entry.id, entry.type, entry.category) for entry in self.entries]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def read(self, entry: EvaluationImage) -> EvaluationPlanes:
        """Read the planes of an image.

        Raises:
            AimkitError: A file can't be read, or the planes differ in size.
        """
        sources: Mapping[str, Any] = entry.files or cells(self.table[entry.row])
        alpha = _levels(sources["alpha"])
        trimap = read_grey(sources["trimap"]) if "trimap" in sources else make_trimap(alpha, self.kernel)
        image = read_rgb(sources["image"]) if "image" in sources else None
        prediction = _levels(sources["prediction"]) if "prediction" in sources else None
        for name, plane in (("photo", image), ("trimap", trimap)):
            if plane is not None and plane.shape[:2] != alpha.shape:
                sizes = f"{plane.shape[1]}x{plane.shape[0]}, the matte {alpha.shape[1]}x{alpha.shape[0]}"
                raise AimkitError(f"the {name} is {sizes}", entry.where, "all planes must have the same size")
        return EvaluationPlanes(alpha, trimap, image, prediction)


def _levels(source: Any) -> Array:
    """Read an alpha matte: uint8 if that is exact, since it is faster, else float32."""
    matte = read_alpha(source)
    scaled = matte * np.float32(255)
    levels = np.rint(scaled)
    return levels.astype(np.uint8) if np.abs(scaled - levels).max() < 1e-3 else matte
