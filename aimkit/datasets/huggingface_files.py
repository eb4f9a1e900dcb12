"""The files that a local Hugging Face dataset names, and the network access that loading one may use.

``datasets`` follows whatever paths and URLs the dataset's card or its index names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.json_files import parsed, read_json
from aimkit.offline import hub_client_offline, switched_on
from aimkit.paths import inside
from aimkit.storage import check_regular

_CARDS = ("README.md", ".huggingface.yaml")
#: Keys of a configuration in a card whose values are paths, patterns or URLs.
_KEYS = ("data_files", "data_dir", "metadata_files")
#: Bytes of a card that are read.
_LIMIT = 1 << 24


def check_own_files(folder: Path) -> None:
    """Refuse a local dataset whose card or index names files elsewhere.

    Args:
        folder: A folder of parquet files or images, or what ``save_to_disk`` wrote.

    Raises:
        AimkitError: It does, or the card or the index is damaged.
    """
    if (folder / "dataset_dict.json").exists():
        index = folder / "dataset_dict.json"
        for split in parsed(read_json(index, dict), lambda told: list(told["splits"]), "list of splits", str(index)):
            _check_saved(inside(folder, split, index))
    _check_saved(folder)
    for name in _CARDS:
        if (folder / name).exists():
            _check_card(folder / name)


def hub_client() -> AbstractContextManager[None]:
    """Let ``datasets`` use its cache alone where the user forbids the network."""
    return hub_client_offline() if switched_on("AIMKIT_OFFLINE") else nullcontext()


def _check_saved(folder: Path) -> None:
    state = folder / "state.json"
    if (folder / "dataset_info.json").exists() and state.exists():
        told = read_json(state, dict)
        for name in parsed(told, lambda told: [one["filename"] for one in told["_data_files"]], "index", str(state)):
            inside(folder, name, state)


def _check_card(card: Path) -> None:
    try:
        check_regular(card)
        if card.stat().st_size > _LIMIT:
            raise AimkitError(f"the card is larger than {_LIMIT:,} bytes", str(card))
        told = _metadata(card)
    except (OSError, ValueError, RecursionError) as error:
        raise AimkitError(f"the card of the dataset is damaged: {str(error)[:100]}", str(card)) from None
    for path in _named(told, set(), below=False):
        if re.search(r"::|://|^[/\\~]|^[A-Za-z]:", path) or ".." in re.split(r"[/\\]", path):
            hint = "take it out of the card, if you trust the dataset; copy the files into its folder"
            raise AimkitError(f"the card names the file {ascii(path)[:100]}, outside of its dataset", str(card), hint)


def _metadata(card: Path) -> Any:
    import yaml  # type: ignore[import-untyped]
    from huggingface_hub.repocard import metadata_load

    try:
        return metadata_load(card) if card.suffix == ".md" else yaml.safe_load(card.read_text(encoding="utf-8-sig"))
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from None


def _named(value: Any, seen: set[tuple[int, bool]], *, below: bool) -> Iterator[str]:
    """Every text below a key of ``_KEYS``, once: a small YAML file may name one list a billion times."""
    if isinstance(value, str) and below:
        yield value
    if not isinstance(value, dict | list) or (id(value), below) in seen:
        return
    seen.add((id(value), below))
    pairs = value.items() if isinstance(value, dict) else [("", part) for part in value]
    for key, part in pairs:
        yield from _named(part, seen, below=below or key in _KEYS)
