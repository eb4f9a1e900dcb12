"""The images of an evaluation, read one at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.evaluate.hub import cells
from aimkit.evaluate.mattes import EvaluationMattes, decide_mattes
from aimkit.evaluate.trimaps import read_trimap
from aimkit.imageio import read_rgb
from aimkit.matting.trimap import trimap as make_trimap
from aimkit.types import Array, UInt8


@dataclass(frozen=True)
class EvaluationImage:
    """An image of an evaluation set, not read yet.

    Attributes:
        id: Path below the folder without suffix.
        type: Image type: SO, STM, NS, or "".
        category: Category: animal, portrait, ..., or "".
        stamp: Of a table's row: text that changes with its content; "" for files.
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
        alpha_range: Scale of the true mattes as the user states it, such as "0-255"; "" has it decided.
        prediction_range: Scale of stored predictions, in the same way.
        folder: Folder of a local ``table``, whose cells may name files in it; None for one of the hub.
    """

    name: str
    entries: Sequence[EvaluationImage]
    trimap: str
    kernel: int = 30
    table: Any = None
    alpha_range: str = ""
    prediction_range: str = ""
    folder: Path | None = None

    @cached_property
    def truths(self) -> EvaluationMattes:
        """How the true mattes are read; decided from all of them on first use.

        Raises:
            AimkitError: The levels leave their scale open.
        """
        return self._decide("alpha", self.alpha_range, "--alpha-range")

    @cached_property
    def predictions(self) -> EvaluationMattes | None:
        """How stored predictions are read; None if there are none. Decided and raising as ``truths``."""
        if not any("prediction" in (entry.files or {}) for entry in self.entries):
            return None
        return self._decide("prediction", self.prediction_range, "--prediction-range")

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
        sources = self._sources(entry)
        alpha = self.truths.read(sources["alpha"], self._where(entry, "alpha"))
        where = self._where(entry, "trimap")
        trimap = read_trimap(sources["trimap"], where) if "trimap" in sources else make_trimap(alpha, self.kernel)
        image = read_rgb(sources["image"], self._where(entry, "image")) if "image" in sources else None
        stored = self.predictions if "prediction" in sources else None
        prediction = stored.read(sources["prediction"], self._where(entry, "prediction")) if stored else None
        for name, plane in (("photo", image), ("trimap", trimap)):
            if plane is not None and plane.shape[:2] != alpha.shape:
                sizes = f"{plane.shape[1]}x{plane.shape[0]}, the matte {alpha.shape[1]}x{alpha.shape[0]}"
                raise AimkitError(f"the {name} is {sizes}", entry.where, "all planes must have the same size")
        return EvaluationPlanes(alpha, trimap, image, prediction)

    def _sources(self, entry: EvaluationImage) -> Mapping[str, Any]:
        return entry.files or cells(self.table[entry.row], entry.id, self.folder)

    def _source(self, entry: EvaluationImage, role: str) -> Any:
        return self._sources(entry)[role]

    def _where(self, entry: EvaluationImage, role: str) -> str:
        return str((entry.files or {}).get(role, entry.id))

    def _decide(self, role: str, alpha_range: str, option: str) -> EvaluationMattes:
        sources = ((self._where(one, role), partial(self._source, one, role)) for one in self.entries)
        folder = str(Path(self._where(self.entries[0], role)).parent) if self.table is None else self.name
        return decide_mattes(sources, alpha_range, folder, option)
