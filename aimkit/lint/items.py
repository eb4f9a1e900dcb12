"""Pictures that only a source can read: those of a pool, and of sources of other packages."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.imageio import encode_png
from aimkit.lint.item import LintItem, LintTarget
from aimkit.rng import rng
from aimkit.storage import Place
from aimkit.synth.pool.index import read_index
from aimkit.synth.sources.pool import PoolBackgrounds, PoolForegrounds, packed_backgrounds, packed_foregrounds
from aimkit.types import Array, Foreground, UInt8, to_uint8

#: (height, width) that sources are asked for; stored pictures keep their own.
_SIZE = (512, 512)


def pool_target(root: Place) -> LintTarget:
    """List the pictures of a pool, as it holds them: decoded, and perhaps reduced.

    Raises:
        AimkitError: The pool is damaged.
    """
    target = LintTarget(str(root))
    index = read_index(Path(str(root)))
    path = str(root)
    if index.of("foreground"):
        add_items(target, packed_foregrounds(PoolForegrounds(path=path)), "foregrounds", "")
    if index.of("background"):
        add_items(target, packed_backgrounds(PoolBackgrounds(path=path)), "backgrounds", "")
    return target


def add_items(target: LintTarget, source: Any, role: str, title: str, split: str = "") -> None:
    """Add the stored pictures of an opened source; generated ones have no file that could be wrong.

    Args:
        target: What is completed.
        source: The source, see :class:`aimkit.synth.source.ForegroundSource`.
        role: "foregrounds" or "backgrounds".
        title: What the names of its pictures begin with; that of each picture's own source when "".
        split: The split that all of them belong to, or "".
    """
    # Sources need not be able to serve threads.
    lock = threading.Lock()
    generated = 0
    for position, item in enumerate(source.items):
        own = title or item.source
        if not item.digest:
            generated += 1
            continue
        name = f"{own}: {item.id}"
        read = partial(_encoded, source, lock, position)
        group = f"{own} ({role})"
        target.items.append(LintItem(name, "single", (name,), (read,), group, split, item.type))
        if not item.licence:
            target.unlicensed.append(f"{role}: {own}")
    if generated:
        target.notes.append(f"{generated} {role} of the source '{title}' are generated, and not checked")
    target.unlicensed = list(dict.fromkeys(target.unlicensed))


def _encoded(source: Any, lock: threading.Lock, position: int) -> bytes:
    """A picture as PNG: RGBA of a foreground, RGB of a background."""
    with lock:
        if hasattr(source, "picture"):
            color, alpha = source.picture(position).level(0)
        else:
            loaded = source.load(position, _SIZE, rng(0, "lint", position))
            color, alpha = (loaded.color, loaded.alpha) if isinstance(loaded, Foreground) else (loaded, None)
        color = _eight(color)
    return encode_png(color if alpha is None else np.dstack([color, _eight(alpha)]), 1)


def _eight(plane: Array) -> UInt8:
    return np.array(plane) if plane.dtype == np.uint8 else to_uint8(np.asarray(plane, np.float32))
