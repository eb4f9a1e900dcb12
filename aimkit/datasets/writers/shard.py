"""Shards, the units of work: contiguous ranges of sample indices, each with a JSON file that marks it as finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aimkit.errors import AimkitError
from aimkit.json_files import parse_json
from aimkit.storage import Place, read_each

#: Keys of every sidecar; formats add their own.
_KEYS = {"start", "count", "digest", "files", "quarantined", "types", "sources"}
#: What it says of each of its files.
_FILE = {"path", "size", "sha256"}
_AGAIN = "delete it, then aimkit synth ... --resume"


@dataclass(frozen=True)
class Shard:
    """Samples ``start`` to ``stop - 1`` of a dataset.

    Attributes:
        number: Number of the shard, from 0.
        total: Number of shards of the dataset.
        start: Index of the first sample.
        stop: Index after the last sample.
        digits: Number of digits in the file name of a sample.
    """

    number: int
    total: int
    start: int
    stop: int
    digits: int = 6

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        """File name without suffix for formats with one file per shard, in Hugging Face style."""
        return f"train-{self.number:05d}-of-{self.total:05d}"

    @property
    def sidecar(self) -> str:
        """Relative path of the sidecar, the JSON file that is written last."""
        return f"shards/{self.number:05d}.json"

    def stem(self, index: int) -> str:
        """File name of a sample without suffix."""
        return f"{index:0{self.digits}d}"


def plan(count: int, shard_size: int) -> list[Shard]:
    """Cut ``count`` samples into shards of ``shard_size``; the last one may be shorter."""
    starts = range(0, count, shard_size)
    digits = max(6, len(str(count - 1)))
    return [
        Shard(number, len(starts), start, min(start + shard_size, count), digits) for number, start in enumerate(starts)
    ]


def finished(root: Place, shards: Sequence[Shard]) -> list[Shard]:
    """The shards whose sidecars exist."""
    there = {path.name for path in (root / "shards").iterdir()} if (root / "shards").is_dir() else set()
    return [shard for shard in shards if shard.sidecar.rpartition("/")[2] in there]


def read_sidecar(root: Place, shard: Shard) -> dict[str, Any]:
    """Read the sidecar of a finished shard.

    Raises:
        AimkitError: It is missing or damaged.
    """
    return next(read_sidecars(root, [shard]))


def read_sidecars(root: Place, shards: Sequence[Shard]) -> Iterator[dict[str, Any]]:
    """Read the sidecars of finished shards, one after the other; raises as :func:`read_sidecar`."""
    found = read_each(root, [shard.sidecar for shard in shards])
    for shard in shards:
        path = root / shard.sidecar
        try:
            sidecar: dict[str, Any] = parse_json(next(found), dict, "sidecar", str(path), _AGAIN, exit_code=1)
            if not sidecar.keys() >= _KEYS or not isinstance(sidecar["files"], list):
                raise ValueError("keys are missing")
            if not all(isinstance(entry, dict) and entry.keys() >= _FILE for entry in sidecar["files"]):
                raise ValueError("a file has no path, size or digest")
        except FileNotFoundError:
            hint = "aimkit synth ... --resume"
            raise AimkitError(f"shard {shard.number} is not finished", str(path), hint) from None
        except (OSError, ValueError, TypeError) as error:
            raise AimkitError(f"the sidecar is damaged: {error}", str(path), _AGAIN, exit_code=1) from None
        yield sidecar


@contextmanager
def readable(position: int, path: Place, *errors: type[Exception]) -> Iterator[None]:
    """Turn what can go wrong while a sample of a shard is read into one error.

    Args:
        position: Position of the sample in the shard.
        path: The file it is read from.
        errors: What the format raises besides the errors of files and of damaged JSON.

    Raises:
        AimkitError: One of them was raised.
    """
    expected: tuple[type[Exception], ...] = (OSError, ValueError, KeyError, IndexError, TypeError, *errors)
    try:
        yield
    except expected as error:
        what = f"sample {position} can't be read: {error}"
        raise AimkitError(what, str(path), "aimkit dataset verify", exit_code=1) from None


def ranges(numbers: Sequence[int], limit: int = 6) -> str:
    """Abbreviate sorted numbers as ``0-3, 7, 9-11``, with ``...`` after ``limit`` ranges."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{low}-{high}" if low != high else str(low) for low, high in runs[:limit]) + (
        ", ..." if runs[limit:] else ""
    )
