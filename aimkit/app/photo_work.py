"""What a visitor predicts: photos, their outputs in a folder, and what the page shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from aimkit.app.components import picture_url
from aimkit.app.told import hide_paths
from aimkit.errors import AimkitError
from aimkit.imageio import decode, read_rgb
from aimkit.imageio.reduced import reduced
from aimkit.matting.touch_up import BrushStroke, touch_up
from aimkit.predict.collect import PhotoJob
from aimkit.types import UInt8, to_float

if TYPE_CHECKING:
    from aimkit.predict.predictor import Predictor

#: Long side of pictures on the page, and of the strip's, in pixels; files have the photo's own size.
_SIDE, _THUMB = 1400, 160
#: What is made of each photo.
KINDS = ("alpha", "cutout", "trimap", "semantic")
#: Most strokes, and points of one, that are taken from a page.
_STROKES, _POINTS = 500, 5000


@dataclass
class PhotoWork:
    """What a visitor predicts.

    Attributes:
        folder: Folder of the outputs.
        jobs: The photos that can be read, by name.
        refused: Name and reason of the others.
        failed: Reason by name, of photos that could not be predicted.
        done: Names of the photos whose outputs are written.
        pairs: Names of the photos that were corrected and kept to fine-tune with.
        backdrop: Own background, or None.
    """

    folder: Path
    jobs: dict[str, PhotoJob] = field(default_factory=dict)
    refused: tuple[tuple[str, str], ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    backdrop: Path | None = None

    def job(self, name: str) -> PhotoJob:
        """The photo of that name.

        Raises:
            AimkitError: It has no prediction.
        """
        if name not in self.done:
            raise AimkitError("the photo has no prediction", name, "predict it first")
        return self.jobs[name]

    def output(self, name: str, kind: str) -> Path:
        """File of an output of a photo."""
        return self.job(name).output(self.folder, kind)

    def predict(self, predictor: Predictor, name: str) -> None:
        """Predict a photo and write its outputs, or note why that is not possible."""
        from aimkit.predict.files import predict_files
        from aimkit.predict.output import CompositeStyle

        skips = predict_files([self.jobs[name]], predictor, self.folder, KINDS, CompositeStyle())
        if len(skips):
            self.failed[name] = hide_paths(skips.rows[0].reason)
        else:
            self.done.append(name)

    def touch(self, name: str, sent: Any) -> None:
        """Apply the strokes that a page sent to a matte, and write the outputs that follow from it."""
        from aimkit.predict.files import write_outputs
        from aimkit.predict.output import CompositeStyle
        from aimkit.predict.predictor import Prediction

        matte = touch_up(to_float(_stored(self.output(name, "alpha"))), list(_strokes(sent)))
        prediction = Prediction(read_rgb(self.job(name).path), matte, _stored(self.output(name, "semantic")), matte)
        write_outputs(self.job(name), prediction, self.folder, ("alpha", "cutout", "trimap"), CompositeStyle())

    def place_over(self, name: str, background: UInt8) -> Path:
        """Write the composite over a background; return its file."""
        from aimkit.imageio import write_png
        from aimkit.predict.output import place_over

        cut, target = _stored(self.output(name, "cutout")), self.output(name, "composite")
        write_png(target, place_over(cut[..., :3], to_float(cut[..., 3]), background))
        return target

    def strip(self) -> list[dict[str, Any]]:
        """The photos as the page lists them."""
        rows = []
        for name, job in self.jobs.items():
            state = "done" if name in self.done else "failed" if name in self.failed else "waiting"
            rows.append(
                {"name": name, "src": _thumbnail(job.path), "state": state, "reason": self.failed.get(name, "")}
            )
        rows += [{"name": name, "src": "", "state": "refused", "reason": reason} for name, reason in self.refused]
        return rows

    def view(self, name: str) -> dict[str, Any]:
        """A photo and its outputs as the page shows them, reduced."""
        photo = read_rgb(self.job(name).path)
        shown: dict[str, Any] = {"name": name, "height": photo.shape[0], "width": photo.shape[1]}
        shown["photo"] = picture_url(reduced(photo, _SIDE))
        for kind in KINDS:
            shown[kind] = picture_url(reduced(_stored(self.output(name, kind)), _SIDE), exact=True)
        shown["backdrop"] = picture_url(reduced(read_rgb(self.backdrop), _SIDE)) if self.backdrop else ""
        return shown


def offered_weights() -> list[tuple[str, str]]:
    """The zoo's matting networks that are on this machine, the default first; a page downloads nothing."""
    from aimkit.zoo import store
    from aimkit.zoo.manifest import default_entry, entries

    default = default_entry()
    here = [entry for entry in entries() if entry.stage == "matting" and (entry == default or store.cached(entry))]
    here.sort(key=lambda entry: entry != default)
    return [(f"{entry.id} (default)" if entry == default else entry.id, entry.id) for entry in here]


_loading = Lock()


def predictor_of(weights: str, strategy: str | None, mirrored: bool) -> Predictor:
    """The predictor of offered weights; the last ones stay loaded.

    Raises:
        AimkitError: The weights are not offered, or can't be loaded.
    """
    with _loading:
        return _loaded(weights, strategy, mirrored)


@lru_cache(maxsize=2)
def _loaded(weights: str, strategy: str | None, mirrored: bool) -> Predictor:
    from aimkit.predict.predictor import Predictor

    if weights not in dict(offered_weights()).values():
        raise AimkitError(f"'{weights}' is not offered", "Network")
    return Predictor.load(weights, strategy, tta=mirrored)


def _strokes(sent: Any) -> Iterator[BrushStroke]:
    """Strokes as a page sent them, within bounds."""
    for one in list(sent)[:_STROKES]:
        points = tuple((float(x), float(y)) for x, y in one["points"][:_POINTS])
        radius, softness = (min(max(float(one[key]), 0.0), 0.5) for key in ("radius", "softness"))
        yield BrushStroke(points, radius, softness, 1.0 if one["value"] else 0.0)


def _stored(path: Path) -> UInt8:
    """The pixels of one of our own outputs."""
    return decode(path).pixels


@lru_cache(maxsize=512)
def _thumbnail(path: Path) -> str:
    return picture_url(reduced(read_rgb(path), _THUMB))
