"""How fast training samples are made: whole composites that are then cropped, and crops first, side by side."""

from __future__ import annotations

import cProfile
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import CodeType
from typing import Any

import cv2
import numpy as np

from aimkit.bench.photos import packed, synthesizer
from aimkit.bench.usual_pipeline import CROPS, SIZE, usual_sample
from aimkit.data.transforms import Crop
from aimkit.datasets.writers.output import Output
from aimkit.datasets.writers.record import encode
from aimkit.errors import AimkitError
from aimkit.imageio import encode_jpeg, encode_png, read_rgb
from aimkit.rng import rng
from aimkit.synth.engine import Synthesizer
from aimkit.types import Array, Sample

#: Functions that are timed one by one, as the module's last name and the qualified name; and what they do.
PARTS = {
    "layout.make_layout": "open sources, draw places",
    "transforms.SquareCrop.view.<locals>.choose": "choose the crop",
    "planes.render_planes": "place foreground and background",
    "box_blur.box_blur": "blur",
    "noise.add_noise": "noise",
    "composite.blend_levels": "blend",
    "trimap.make_trimap": "label",
    "transforms.SquareCrop.finish": "reduce the crop",
}

#: Tells the time in seconds.
Clock = Callable[[], float]


@dataclass(frozen=True)
class SynthTiming:
    """How fast one method to make samples is.

    Attributes:
        way: The way: whole composites that are cropped, or crops first.
        source: Where the photos come from: image files or a pool.
        milliseconds: Processor time of a sample on one core; the median of the rounds.
        ratio: How many times as fast as the first row; the median of the ratios within a round.
    """

    way: str
    source: str
    milliseconds: float
    ratio: float

    @property
    def rate(self) -> float:
        """Samples that one core makes in a second."""
        return 1000 / self.milliseconds


@dataclass(frozen=True)
class Writing:
    """How fast whole composites are written.

    Attributes:
        both: Milliseconds to make and encode one.
        encoding: Milliseconds of it that are encoding.
        bare: Milliseconds that OpenCV takes to encode the same planes with its defaults.
        size: Bytes of the files over those of OpenCV's.
    """

    both: float
    encoding: float
    bare: float
    size: float


def measure(folder: Path, rounds: int = 5, samples: int = 12, clock: Clock = time.process_time) -> list[SynthTiming]:
    """Time all methods on the photos of a folder, alternating, so that a busy machine slows all of them alike.

    The file system's cache is warm; every sample that comes from image files decodes them anew.

    Args:
        folder: A folder that :func:`write_photos` filled.
        rounds: Number of turns of all ways.
        samples: Number of samples of a turn.
        clock: Tells the time, in seconds.
    """
    pairs, pool = synthesizer(folder), synthesizer(folder, packed(folder))
    usual = partial(usual_sample, sorted((folder / "fg").iterdir()), sorted((folder / "bg").iterdir()))
    ways: list[tuple[str, str, Callable[[int], Any]]] = [
        ("whole composite, cropped (usual pipeline)", "image files", usual),
        ("whole composite, cropped (this engine)", "image files", partial(_whole, pairs)),
        ("exact", "image files", partial(_crop_first, pairs, False)),
        ("fast", "image files", partial(_crop_first, pairs, True)),
        ("exact", "pool", partial(_crop_first, pool, False)),
        ("fast", "pool", partial(_crop_first, pool, True)),
    ]
    for _, _, make in ways:
        make(0)
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(rounds):
        for (_, _, make), own in zip(ways, times, strict=True):
            start = clock()
            for index in range(turn * samples, (turn + 1) * samples):
                make(index)
            own.append((clock() - start) * 1000 / samples)
    ratios = [statistics.median(a / b for a, b in zip(times[0], own, strict=True)) for own in times]
    return [
        SynthTiming(way, source, statistics.median(own), ratio)
        for (way, source, _), own, ratio in zip(ways, times, ratios, strict=True)
    ]


def time_parts(folder: Path, fast: bool, samples: int = 40, clock: Clock | None = None) -> list[tuple[str, float]]:
    """Profile samples from the pool.

    Args:
        folder: A folder that :func:`write_photos` filled.
        fast: Time the fast mode, not the exact one.
        samples: Number of samples; enough for every step to be drawn at least once.
        clock: Tells the time, in seconds; the profiler's own clock when None.

    Returns:
        The milliseconds of a sample by part, as (part, milliseconds); "other" is the rest.

    Raises:
        AimkitError: A part was not called: its function has another name today.
    """
    made = synthesizer(folder, packed(folder))
    profile = cProfile.Profile(clock) if clock else cProfile.Profile()
    profile.enable()
    for index in range(samples):
        _crop_first(made, fast, index)
    profile.disable()
    codes = [(entry.code, entry.totaltime) for entry in profile.getstats()]
    times = {
        f"{Path(code.co_filename).stem}.{code.co_qualname}": seconds * 1000 / samples
        for code, seconds in codes
        if isinstance(code, CodeType)
    }
    missing = [name for name in PARTS if name not in times]
    if missing:
        raise AimkitError("these functions were not called: " + ", ".join(missing), "aimkit.bench.synth, PARTS")
    rows = [(text, times[name]) for name, text in PARTS.items()]
    return [*rows, ("other", times[f"{Path(__file__).stem}.{_crop_first.__qualname__}"] - sum(ms for _, ms in rows))]


def time_limits(folder: Path, repeats: int = 7, clock: Clock = time.process_time) -> list[tuple[str, float]]:
    """Time what no pipeline can do without: decoding, encoding, copying.

    Args:
        folder: A folder that :func:`write_photos` filled.
        repeats: Number of runs; the fastest counts.
        clock: Tells the time, in seconds.

    Returns:
        (operation, milliseconds).
    """
    foreground, background = folder / "fg" / "0.png", folder / "bg" / "0.jpg"
    color, photo = np.frombuffer(foreground.read_bytes(), np.uint8), np.frombuffer(background.read_bytes(), np.uint8)
    matte = np.frombuffer((folder / "alpha" / "0.png").read_bytes(), np.uint8)
    plane = read_rgb(background)
    return [
        ("decode a foreground, PNG", _best(lambda: cv2.imdecode(color, cv2.IMREAD_COLOR), repeats, clock)),
        ("decode a matte, PNG", _best(lambda: cv2.imdecode(matte, cv2.IMREAD_GRAYSCALE), repeats, clock)),
        ("decode a background, JPEG", _best(lambda: cv2.imdecode(photo, cv2.IMREAD_COLOR), repeats, clock)),
        ("the same at half scale", _best(lambda: cv2.imdecode(photo, cv2.IMREAD_REDUCED_COLOR_2), repeats, clock)),
        (
            "copy two colour planes of 640 x 640",
            _best(lambda: [plane[:640, :640].copy() for _ in "ab"], repeats, clock),
        ),
        ("encode a composite, PNG", _best(lambda: encode_png(plane, 1), repeats, clock)),
        ("encode a composite, JPEG 95", _best(lambda: encode_jpeg(plane, 95), repeats, clock)),
    ]


def time_writing(folder: Path, image: str, samples: int = 8, clock: Clock = time.process_time) -> Writing:
    """Time whole composites from the pool that are encoded, with alpha, trimap and label.

    Args:
        folder: A folder that :func:`write_photos` filled.
        image: Format of the composite: ``jpg`` or ``png``.
        samples: Number of samples.
        clock: Tells the time, in seconds.
    """
    made, output = synthesizer(folder, packed(folder)), Output(image="jpg" if image == "jpg" else "png")
    times = []
    for index in range(samples):
        start = clock()
        sample = made.sample(index)
        rendered = clock()
        record = encode(sample, index, output)
        encoded = clock()
        rival = _encode_by_opencv(sample, image)
        end = clock()
        size = sum(len(data) for data in record.planes.values()) / sum(len(data) for data in rival)
        times.append(((encoded - start) * 1000, (encoded - rendered) * 1000, (end - encoded) * 1000, size))
    return Writing(*(statistics.median(column) for column in zip(*times, strict=True)))


def _encode_by_opencv(sample: Sample, image: str) -> list[Array]:
    """The planes as files by OpenCV with its defaults; JPEG with the quality and the chroma of ours."""
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    files = [cv2.imencode(f".{image}", sample.image[..., ::-1], jpeg if image == "jpg" else [])]
    files += [cv2.imencode(".png", plane) for plane in (sample.alpha, sample.trimap, sample.label)]
    return [data for _, data in files]


def time_processes(folder: Path, numbers: Sequence[int] = (1, 2), seconds: float = 3.0) -> list[tuple[int, float]]:
    """Return (processes, samples that all of them make in a second), in the fast mode from the pool."""
    pool = packed(folder)
    rows = []
    for number in numbers:
        with get_context("spawn").Pool(number, _begin, (folder, pool)) as workers:
            rows.append((number, sum(workers.map(_made, [seconds] * number, chunksize=1))))
    return rows


_worker: dict[str, Synthesizer] = {}


def _begin(folder: Path, pool: Path) -> None:
    cv2.setNumThreads(1)
    _worker["made"] = synthesizer(folder, pool)
    _crop_first(_worker["made"], True, 0)


def _made(seconds: float) -> float:
    """Return the samples that this process makes in a second."""
    start, index = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        _crop_first(_worker["made"], True, index)
        index += 1
    return index / (time.monotonic() - start)


def _crop_first(made: Synthesizer, fast: bool, index: int) -> Sample:
    crop, draw = Crop(size=SIZE, crops=CROPS), rng(0, "crop", index)
    return crop.finish(made.window(index, crop.view(draw, reduced=fast)), draw)


def _whole(made: Synthesizer, index: int) -> Sample:
    return Crop(size=SIZE, crops=CROPS).apply(made.sample(index), rng(0, "crop", index))


def _best(work: Callable[[], Any], repeats: int, clock: Clock) -> float:
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append((clock() - start) * 1000)
    return min(times)
