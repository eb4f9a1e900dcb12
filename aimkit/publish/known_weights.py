"""Which zoo entry weights are: identified by their values, since a name is easily changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.zoo import fetch, store
from aimkit.zoo.manifest import ZooEntry, default_entry, entries


def entry_of(name: str, digest: str) -> tuple[ZooEntry | None, bool]:
    """Find the zoo entry of the weights of an evaluation.

    Entries whose files are on this machine are compared by the digest of their networks' values, the one of that name
    first. So a file that was renamed, or saved in another format, is found too.

    Args:
        name: Zoo id, or name of the weights file, as the results tell it.
        digest: Digest of the network's values, see :func:`aimkit.evaluate.digest.state_digest`; "" if unknown.

    Returns:
        The entry, or None; and whether that is certain. It is not if only the name speaks for the entry. Weights that
        bear the name of an entry whose own are others are not that entry.
    """
    every = [entry for entry in entries() if entry.architecture is not None]
    named = default_entry() if name == "default" else next((entry for entry in every if entry.id == name), None)
    if not digest:
        return named, False
    for entry in sorted(every, key=lambda one: named is None or one.id != named.id):
        if network_digest(entry) == digest:
            return entry, True
    return (None, True) if named is not None and network_digest(named) else (named, False)


def network_digest(entry: ZooEntry) -> str:
    """Digest of the values of an entry's network; "" if its file is not on this machine, or can't be read."""
    try:
        if fetch.outdated(entry):
            return ""
        file = store.cached(entry) or fetch.in_place(entry)
        return _digest(entry.id, file, file.stat().st_mtime_ns) if file is not None else ""
    except (AimkitError, OSError) as error:
        console.detail(f"{entry.id} is not compared: {error}")
        return ""


@lru_cache(maxsize=256)
def _digest(id: str, file: Path, modified: int) -> str:
    from aimkit.evaluate.digest import state_digest
    from aimkit.models.weights.declared import network_of

    del file, modified  # They are there for the cache.
    return state_digest(network_of(id))
