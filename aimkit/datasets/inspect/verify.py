"""Verifying a written dataset: every byte, every label, the compositing equation."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from aimkit.datasets.inspect.card import CARD, SHEET, SHEET_ROWS, card
from aimkit.datasets.inspect.sheet import contact_sheet, encode_png, pick
from aimkit.datasets.inspect.stats import Tally
from aimkit.datasets.lock import NAME, versions
from aimkit.datasets.reader import Dataset
from aimkit.datasets.scan_report import SKIPPED
from aimkit.datasets.source_list import NAME as SOURCES
from aimkit.datasets.writers import formats
from aimkit.datasets.writers.files import TEMPORARY
from aimkit.datasets.writers.record import Digest, SampleRecord, decode
from aimkit.datasets.writers.shard import Shard, read_sidecar
from aimkit.errors import AimkitError
from aimkit.folder_lock import LOCKS
from aimkit.matting.composite import composite
from aimkit.matting.trimap import make_trimap, restrict
from aimkit.paths import inside
from aimkit.recipe import load_recipe
from aimkit.storage import measure, names
from aimkit.types import Array, Sample

#: Levels. Planes are quantised before they are blended, so a PNG composite differs only by rounding.
TOLERANCE = 1


def verify(dataset: Dataset, advance: Callable[[int], None] = lambda amount: None) -> Iterator[str]:
    """Check a dataset and yield one line per problem.

    Checks that all shards exist, the digests of files, shards and recipe, missing and extra files, the planes' sizes
    and values, that labels follow from alpha, and I = aF + (1-a)B where the provenance says that it holds and the
    planes are stored.

    Args:
        dataset: The dataset.
        advance: Called with the number of samples checked since the last call.

    Yields:
        One line per problem.
    """
    yield from _recipe(dataset)
    finished = {shard.number for shard in dataset.shards}
    for shard in dataset.plan:
        if shard.number not in finished:
            yield f"shard {shard.number}: not finished (samples {shard.start} to {shard.stop - 1})"
    yield from _sources(dataset)
    expected = {NAME, SHEET, CARD, SOURCES, SKIPPED}
    for shard in dataset.shards:
        try:
            sidecar = read_sidecar(dataset.root, shard)
            expected |= {shard.sidecar, *(entry["path"] for entry in sidecar["files"])}
            yield from _shard(dataset, shard, sidecar)
        except AimkitError as error:
            yield f"shard {shard.number}: {error.what}"
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            yield f"shard {shard.number}: the sidecar is damaged ({type(error).__name__}: {error})"
        advance(len(shard))
    yield from _whole(dataset, expected)


def check_sample(sample: Sample, record: SampleRecord) -> Iterator[str]:
    """Check the sizes, labels and compositing equation of one sample; yield one line per problem."""
    planes = {name: getattr(sample, name) for name in record.planes}
    sizes = {name: plane.shape[:2] for name, plane in planes.items()}
    if len(set(sizes.values())) > 1:
        yield "planes differ in size: " + ", ".join(f"{name} {w}x{h}" for name, (h, w) in sizes.items())
        return
    how = sample.meta.get("label")
    if how:
        kernel = how["kernel"]
        trimap = make_trimap(sample.alpha, how["schedule"], kernel if isinstance(kernel, int) else tuple(kernel))
        for name, truth in (("trimap", trimap), ("label", restrict(trimap, sample.type))):
            wrong = int((planes[name] != truth).sum())
            if wrong:
                yield f"the {name} does not follow from the alpha ({wrong} pixels)"
    else:
        yield "the provenance does not say how the label was made"
    if sample.meta.get("composition_valid") and {"foreground", "background"} <= planes.keys():
        yield from _equation(sample, record)


def _equation(sample: Sample, record: SampleRecord) -> Iterator[str]:
    truth = composite(sample.foreground, sample.alpha, sample.background)
    off = np.abs(sample.image.astype(np.int16) - truth).astype(np.float64)
    if record.image_suffix == "png":
        if off.max() > TOLERANCE:
            yield f"I = aF + (1-a)B is off by up to {off.max():.0f} levels ({(off > TOLERANCE).mean():.2%} of values)"
        return
    allowed, found = jpeg_bound(record.planes["image"]), _block_errors(off)
    for channel, name in enumerate(("red", "green", "blue")):
        if found[channel] > allowed[channel]:
            yield (
                f"I = aF + (1-a)B is off by {found[channel]:.1f} levels RMS in a block of {name}, "
                f"more than JPEG explains ({allowed[channel]:.1f})"
            )


def jpeg_bound(data: bytes) -> Array:
    """The largest RMS error of an 8x8 block that JPEG quantisation can cause, in levels, for red, green and blue.

    Rounding moves a DCT coefficient by at most half its quantiser q, and the transform preserves energy. A block's mean
    squared error in Y, Cb or Cr is therefore at most mean(q^2)/4. The channels add up with the weights of the JFIF
    conversion. Rounding in the conversions and in the composite adds at most two levels.

    Args:
        data: The JPEG file.
    """
    with Image.open(io.BytesIO(data)) as image:
        tables = image.quantization  # type: ignore[attr-defined]
    rms = [float(np.sqrt(np.mean(np.square(np.asarray(tables[min(i, len(tables) - 1)], float))) / 4)) for i in (0, 1)]
    chroma = np.array([1.402, 0.344136 + 0.714136, 1.772])
    return rms[0] + chroma * rms[1] + 2


def _block_errors(off: Array) -> Array:
    """The largest RMS of each channel over whole 8x8 blocks; partial blocks share their error with padding."""
    height, width = (side // 8 * 8 for side in off.shape[:2])
    if not height or not width:
        return np.zeros(3)
    blocks = np.square(off[:height, :width]).reshape(height // 8, 8, width // 8, 8, 3)
    worst: Array = np.sqrt(blocks.mean(axis=(1, 3)).reshape(-1, 3).max(axis=0))
    return worst


def _recipe(dataset: Dataset) -> Iterator[str]:
    try:
        recipe = load_recipe(dataset.root / NAME, kind=str(dataset.recipe.get("kind", "synth")))
    except AimkitError as error:
        yield f"{NAME}: {error.what}"
        return
    if recipe.digest() != dataset.remarks.get("digest"):
        yield f"{NAME}: the digest does not match the recipe"


def _sources(dataset: Dataset) -> Iterator[str]:
    recorded = dataset.remarks.get("sources", "")
    try:
        if recorded and measure(dataset.root / SOURCES)[1] != recorded:
            yield f"{SOURCES}: changed since it was written"
    except OSError:
        yield f"{SOURCES}: missing"


def _shard(dataset: Dataset, shard: Shard, sidecar: dict[str, Any]) -> Iterator[str]:
    if (sidecar["start"], sidecar["count"]) != (shard.start, len(shard)):
        yield f"shard {shard.number}: the sidecar describes samples from {sidecar['start']}, not from {shard.start}"
    for entry in sidecar["files"]:
        try:
            path = inside(dataset.root, entry["path"], dataset.root / shard.sidecar)
            if measure(path) != (entry["size"], entry["sha256"]):
                yield f"{entry['path']}: changed since it was written"
        except FileNotFoundError:
            yield f"{entry['path']}: missing"
        except OSError as error:
            yield f"{entry['path']}: {error.strerror or error}"
    digest, reader, whole = Digest(), dataset.open_shard(shard), True
    tally, quarantined = Tally(), list[dict[str, Any]]()
    for position, index in enumerate(range(shard.start, shard.stop)):
        try:
            record = reader.read(position)
            digest.add(record)
            if record.index != index:
                yield f"sample {index}: sample {record.index} is stored in its place"
            sample = decode(record)
            if sample.meta.get("recipe") != dataset.remarks.get("digest"):
                yield f"sample {index}: made by another recipe ({str(sample.meta.get('recipe'))[:12]})"
            tally.add(sample)
            quarantined += [{"index": index, **entry} for entry in sample.meta.get("quarantined", [])]
            yield from (f"sample {index}: {problem}" for problem in check_sample(sample, record))
        except AimkitError as error:
            whole = False
            yield f"sample {index}: {error.what}"
        except (KeyError, TypeError, ValueError) as error:
            whole = False
            yield f"sample {index}: damaged provenance ({type(error).__name__}: {error})"
    if whole and digest.hexdigest() != sidecar["digest"]:
        yield f"shard {shard.number}: the digest of its samples does not match the sidecar"
    counted = sum(entry["samples"] for entry in sidecar["types"].values())
    if counted != len(shard):
        yield f"shard {shard.number}: the statistics count {counted} samples, not {len(shard)}"

    if whole:
        counted_again = {**tally.plain(), "quarantined": quarantined}
        wrong = [name for name, value in counted_again.items() if not _equal(value, sidecar[name])]
        yield from (f"shard {shard.number}: the sidecar's '{name}' does not follow from the samples" for name in wrong)


def _equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, but for the last digits of sums, which versions of OpenCV may change."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-4)
    return bool(one == other)


def _about(dataset: Dataset) -> Iterator[str]:
    """Compare the card and the contact sheet with those that the same versions of all packages write again."""
    now = ", ".join(f"{name} {number}" for name, number in versions().items())
    if dataset.remarks.get("versions") != now:
        return
    made: dict[str, Callable[[], bytes]] = {
        CARD: lambda: card(dataset).encode(),
        SHEET: lambda: encode_png(contact_sheet(pick(dataset, SHEET_ROWS))),
    }
    for name, make in made.items():
        path = dataset.root / name
        if path.is_file() and path.read_bytes() != make():
            yield f"{name}: does not match the dataset"


def _whole(dataset: Dataset, expected: set[str]) -> Iterator[str]:
    """Check the files of the dataset as a whole, and look for files that do not belong to it."""
    if dataset.complete:
        try:
            for name, chunks in formats.get(dataset.format).value.finish(dataset.root, dataset.shards).items():
                expected.add(name)
                path = dataset.root / name
                if path.is_file() and path.read_bytes() != b"".join(chunks):
                    yield f"{name}: does not match the shards"
            yield from _about(dataset)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            yield f"the dataset's index can't be checked: {error}"
        except AimkitError as error:
            # Its cause was told above.
            yield f"the card and the contact sheet can't be checked: {error.what}"
    else:
        expected -= {SHEET, CARD}
    there = names(dataset.root)
    listed = {entry for entry in expected if entry in {SHEET, CARD, "metadata.jsonl", "types.json"}}
    for name in sorted(listed - there):
        yield f"{name}: missing"
    for name in sorted(name for name in there - expected if not name.startswith(LOCKS)):
        yield f"{name}: " + (
            "left by a killed run" if name.startswith(TEMPORARY) else "does not belong to this dataset"
        )
