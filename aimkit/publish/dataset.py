"""Publish a written dataset on the Hugging Face hub, with its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.datasets.inspect.card import CARD, SHEET, card, metadata
from aimkit.datasets.lock import NAME as LOCK
from aimkit.datasets.reader import Dataset, open_dataset
from aimkit.datasets.writers import formats
from aimkit.errors import AimkitError
from aimkit.paths import inside
from aimkit.publish.hub import send


def push_dataset(path: str, repo: str, *, private: bool = False) -> str:
    """Upload a complete dataset, its card last, so that a repository with a card is complete.

    Args:
        path: The dataset's folder.
        repo: Name of the repository, ``ORG/NAME``.
        private: Make a new repository private.

    Returns:
        The dataset's address in recipes and commands, ``hf:ORG/NAME``.

    Raises:
        AimkitError: The dataset is not complete or not on this machine, or the hub refused. Files that were sent are
            kept; the same call continues.
    """
    dataset, files = _opened(path)
    front = _metadata(dataset, files)
    if "license" not in front:
        console.warn("the card names no licence: not every source states one that the hub knows")
    last = {LOCK: (dataset.root / LOCK).read_bytes(), CARD: card(dataset, front).encode()}
    message = f"{len(dataset)} composites {dataset.remarks['digest'][:12]}"
    send(repo, files, last, message=message, kind="dataset", private=private)
    return f"hf:{repo}"


def published_card(path: str) -> str:
    """The card of a dataset as :func:`push_dataset` sends it; raises as it does, but asks no hub."""
    dataset, files = _opened(path)
    return card(dataset, _metadata(dataset, files))


def _opened(path: str) -> tuple[Dataset, dict[str, Path]]:
    """A complete dataset and its files by relative path, except for the lock file and the card."""
    dataset = open_dataset(path)
    root = dataset.root
    if not isinstance(root, Path):
        raise AimkitError("only a folder on this machine can be pushed", str(root), "copy it to a folder first")
    if not dataset.complete or not (root / CARD).is_file():
        missing = len(dataset.plan) - len(dataset.shards)
        what = f"the dataset is not complete: {missing} of {len(dataset.plan)} shards are missing"
        raise AimkitError(what, str(root), "aimkit synth ... --resume")
    files = {name: inside(root, name) for name in _names(dataset)}
    lost = [name for name, file in files.items() if not file.is_file()]
    if lost:
        what = f"{len(lost)} files of the dataset are missing, for example {lost[0]}"
        raise AimkitError(what, str(root), "aimkit dataset verify lists them", exit_code=1)
    return dataset, files


def _names(dataset: Dataset) -> list[str]:
    found = [SHEET, *formats.get(dataset.format).value.finish(dataset.root, [])]
    for shard, sidecar in zip(dataset.shards, dataset.sidecars(), strict=True):
        found += [shard.sidecar, *(entry["path"] for entry in sidecar["files"])]
    return list(dict.fromkeys(found))


def _metadata(dataset: Dataset, files: Mapping[str, Path]) -> dict[str, Any]:
    """The header of the card of a published dataset: that of the local card, and its sizes."""
    from huggingface_hub import DatasetCardData

    size = sum(file.stat().st_size for file in files.values())
    splits = [{"name": "train", "num_bytes": size, "num_examples": len(dataset)}]
    sizes = {"splits": splits, "download_size": size, "dataset_size": size}
    card_data = DatasetCardData(**metadata(dataset), dataset_info=sizes)
    found: dict[str, Any] = card_data.to_dict()  # type: ignore[no-untyped-call]
    return {key: value for key, value in found.items() if value is not None}
