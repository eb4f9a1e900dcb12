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

from aimkit.data.transforms import Crop
from aimkit.datasets.writers.output import Output
from aimkit.datasets.writers.record import encode
from aimkit.errors import AimkitError
from aimkit.generators import background_generators, generators
from aimkit.imageio import encode_jpeg, encode_png, read_matte, read_rgb
from aimkit.recipe import parse
from aimkit.rng import rng
from aimkit.synth.engine import Synthesizer
from aimkit.synth.pool.build import build
from aimkit.synth.pool.ingest import ingest, sources_of
from aimkit.synth.recipe import SynthRecipe
from aimkit.types import Array, Sample, to_uint8

#: Sides of the crops, pixels, and of what comes out of them.
CROPS, SIZE = (320, 640, 960), 320

#: Short side of the photos, pixels.
SHORT = 1080

_STEPS = [
    {"step": "blur_background", "p": 0.5, "kernels": [20, 30, 40, 50, 60]},
    {"step": "shared_noise", "p": 0.5, "sigma": 10},
]
_DRAWN = (("toy", "fur", "plant", "bust"), ("interior", "forest", "city", "material"))

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
    """How fast one way to make samples is.

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


def write_photos(folder: Path, count: int, cutouts: Sequence[Path] = (), photos: Sequence[Path] = ()) -> None:
    """Write foregrounds (PNG) with mattes (PNG), and backgrounds (JPEG), ``SHORT`` pixels on the short side.

    Args:
        folder: Where the folders ``fg``, ``alpha`` and ``bg`` are made.
        count: Number of images in each.
        cutouts: RGBA images for foregrounds; generators draw them when empty.
        photos: Images for backgrounds; generators draw them when empty.
    """
    size = (SHORT, SHORT * 3 // 2)
    for name in ("fg", "alpha", "bg"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        if cutouts:
            path = cutouts[number % len(cutouts)]
            color, alpha = _enlarged(read_rgb(path)), _enlarged(read_matte(path))
        else:
            name = _DRAWN[0][number % 4]
            drawn = generators.get(name)
            made = drawn.value(drawn.info.params(generator=name), size, rng(number, "bench", name))
            color, alpha = to_uint8(made.color), to_uint8(made.alpha)
        if photos:
            background = _enlarged(read_rgb(photos[number % len(photos)]))
        else:
            name = _DRAWN[1][number % 4]
            scenery = background_generators.get(name)
            params = scenery.info.params(generator=name)
            background = to_uint8(scenery.value(params, size, rng(number, "bench", name)))
        (folder / "fg" / f"{number}.png").write_bytes(encode_png(color))
        (folder / "alpha" / f"{number}.png").write_bytes(encode_png(alpha))
        (folder / "bg" / f"{number}.jpg").write_bytes(encode_jpeg(background, 92))


def measure(folder: Path, rounds: int = 5, samples: int = 12, clock: Clock = time.process_time) -> list[SynthTiming]:
    """Time all ways on the photos of a folder, in turns, so that a busy machine slows all of them alike.

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


def packed(folder: Path) -> Path:
    """Return a pool of the photos, which is built when it is asked for first."""
    pool = folder / "pool"
    if not pool.exists():
        for number, names in enumerate(((folder,), (folder / "bg",))):
            build(ingest(sources_of([str(name) for name in names])), pool, append=number > 0)
    return pool


def synthesizer(folder: Path, pool: Path | None = None) -> Synthesizer:
    """Return the engine on these photos, or on their pool: composites as in AIM, with its quirks corrected."""
    foregrounds = {"source": "pairs", "path": str(folder), "type": "SO", "bleed": False}
    backgrounds = {"source": "folder", "path": str(folder / "bg")}
    if pool is not None:
        foregrounds, backgrounds = {"source": "pool", "path": str(pool)}, {"source": "pool", "path": str(pool)}
    table = {
        "kind": "synth",
        "selection": "enumerate",
        "foregrounds": [foregrounds],
        "backgrounds": [backgrounds],
        "placement": {"mode": "stretch"},
        "steps": _STEPS,
        "labels": {"kernel": 30},
    }
    return Synthesizer(parse(SynthRecipe, table, "bench synth"))


def usual_sample(foregrounds: Sequence[Path], backgrounds: Sequence[Path], index: int) -> list[Array]:
    """A sample as loaders commonly make it: everything is decoded and composited whole, then cropped and resized.

    The steps are those of AIM's loader (stretched background, box blur, one noise on three planes, dilated trimap,
    crop of 320, 640 or 960 that holds a pixel of the transition area), written with NumPy and OpenCV in the plain way.
    """
    draw = rng(0, "usual", index)
    path = foregrounds[index % len(foregrounds)]
    foreground = np.asarray(cv2.imread(str(path)), np.float64)
    alpha = cv2.imread(str(path.parent.parent / "alpha" / path.name), cv2.IMREAD_GRAYSCALE)
    background = cv2.imread(str(backgrounds[int(draw.integers(len(backgrounds)))]))
    assert alpha is not None
    assert background is not None
    height, width = alpha.shape
    background = cv2.resize(background, (width, height), interpolation=cv2.INTER_LINEAR)
    if draw.random() < 0.5:
        side = int(draw.choice([20, 30, 40, 50, 60]))
        background = cv2.blur(background, (side, side))
    weight = alpha[..., None] / 255
    image = weight * foreground + (1 - weight) * background
    planes = [image, foreground, np.asarray(background, np.float64)]
    if draw.random() < 0.5:
        noise = draw.normal(0, 10, image.shape)
        planes = [plane + noise for plane in planes]
    colors = [np.clip(plane, 0, 255).astype(np.uint8) for plane in planes]
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (30, 30))
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[cv2.dilate((alpha > 0).astype(np.uint8), ellipse) == 0] = 0
    trimap[cv2.erode((alpha == 255).astype(np.uint8), ellipse) == 1] = 255
    side, (rows, columns) = int(draw.choice(CROPS)), np.where(trimap == 128)
    place = int(draw.integers(len(rows)))
    top, left = min(int(rows[place]), height - side), min(int(columns[place]), width - side)
    cut = [plane[top : top + side, left : left + side] for plane in (*colors, alpha, trimap)]
    resized = [cv2.resize(plane, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for plane in cut]
    return [plane[:, ::-1] for plane in resized] if draw.random() < 0.5 else resized


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


def time_writing(folder: Path, image: str, samples: int = 8, clock: Clock = time.process_time) -> tuple[float, float]:
    """Time whole composites from the pool that are encoded.

    Args:
        folder: A folder that :func:`write_photos` filled.
        image: Format of the composite: ``jpg`` or ``png``.
        samples: Number of samples; the median counts.
        clock: Tells the time, in seconds.

    Returns:
        Milliseconds to make and encode one, and milliseconds of the encoding alone.
    """
    made, output = synthesizer(folder, packed(folder)), Output(image="jpg" if image == "jpg" else "png")
    both, alone = [], []
    for index in range(samples):
        start = clock()
        sample = made.sample(index)
        between = clock()
        encode(sample, index, output)
        end = clock()
        alone.append((end - between) * 1000)
        both.append((end - start) * 1000)
    return statistics.median(both), statistics.median(alone)


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


def _enlarged(plane: Array) -> Array:
    height, width = plane.shape[:2]
    scale = SHORT / min(height, width)
    if plane.dtype != np.uint8:
        raise AimkitError("the benchmark needs 8-bit images")
    return cv2.resize(plane, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
