"""Splitting foregrounds into training and validation, and finding those that look alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from aimkit.bounds import Count, Share
from aimkit.errors import AimkitError
from aimkit.recipe import Block
from aimkit.types import Array, Float

#: Bits, out of 128, in which two hashes of the same picture may differ; resizing and recompression change fewer.
_ALIKE = 10
_BLOCK = 2048


class SplitBlock(Block):
    """Keys that split a source.

    Attributes:
        split: Which items to use: "all", or those on the "train" or "val" side of the split.
        val_share: Share of the items on the "val" side, in [0, 1].
        first: Number of items to use, the first of that side in the order of their content digests; None for all. A
            smaller number gives a subset of a larger one, on every machine. Pictures of one group count as one.
    """

    split: Literal["all", "train", "val"] = "all"
    val_share: Share = 0.1
    first: Count | None = None


def side(content: str, val_share: float) -> Literal["train", "val"]:
    """The side of the split that a foreground belongs to, decided by its content digest (hex) alone.

    A picture is therefore on the same side in every source, under every name and in every order.
    """
    return "val" if int(content[:16], 16) < val_share * 16**16 else "train"


def split_digest(content: str, group: str) -> str:
    """The digest (hex) that decides the side of a foreground: that of its group, if it has one, else of its content."""
    return hashlib.sha256(f"group {group}".encode()).hexdigest() if group else content


def sides(contents: Sequence[str], val_share: float) -> list[Literal["train", "val"]]:
    """The sides of all foregrounds of a source, as :func:`side`, except that neither side of a small source is empty.

    If chance leaves one side empty, it gets the content that came nearest to it.
    """
    result = [side(content, val_share) for content in contents]
    if 0 < val_share < 1 and len(set(contents)) > 1 and len(set(result)) == 1:
        moved = min(contents) if result[0] == "train" else max(contents)
        other: Literal["train", "val"] = "val" if result[0] == "train" else "train"
        result = [other if content == moved else own for content, own in zip(contents, result, strict=True)]
    return result


def used(contents: Sequence[str], block: SplitBlock, where: str) -> list[bool]:
    """Which foregrounds or backgrounds a table uses: those on its side of the split, or the first of them.

    Args:
        contents: The digest (hex) of each that decides its side.
        block: The table.
        where: The source, for errors.

    Raises:
        AimkitError: ``first`` is more than the side has; files of the same content or group count as one.
    """
    divided = sides(contents, block.val_share)
    mine = [block.split in ("all", own) for own in divided]
    if block.first is None:
        return mine
    ordered = sorted({content for content, own in zip(contents, mine, strict=True) if own})
    if len(ordered) < block.first:
        side_of = "" if block.split == "all" else f" on the side '{block.split}'"
        what = f"first = {block.first}, but the source has {len(ordered)} different images{side_of}"
        raise AimkitError(what, where, "lower 'first', or add images")
    chosen = set(ordered[: block.first])
    return [own and content in chosen for content, own in zip(contents, mine, strict=True)]


def look(color: Array, alpha: Float) -> str:
    """Perceptual hash of a foreground, 128 bits as hex: a difference hash in both directions.

    Args:
        color: Straight RGB, uint8, (H, W, 3).
        alpha: Matte, float32 in [0, 1], (H, W).
    """
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 0.05), np.flatnonzero(alpha.max(axis=0) > 0.05)
    if not len(rows) or not len(columns):
        return "0" * 32
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = cv2.cvtColor(np.ascontiguousarray(color[window]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    seen = grey * alpha[window] + 128 * (1 - alpha[window])
    small = cv2.resize(seen, (9, 9), interpolation=cv2.INTER_AREA)
    across = small[:8, 1:] > small[:8, :-1]
    down = small[1:, :8] > small[:-1, :8]
    return np.packbits(np.concatenate([across.ravel(), down.ravel()])).tobytes().hex()


def alike(looks: Sequence[str]) -> list[tuple[int, int]]:
    """Find all pairs of hashes (hex) that differ in few bits; their positions, sorted."""
    if not looks:
        return []
    bits = np.unpackbits(np.frombuffer(bytes.fromhex("".join(looks)), np.uint8)).reshape(len(looks), 128)
    signs = bits.astype(np.float32) * 2 - 1
    pairs = []
    for start in range(0, len(signs), _BLOCK):
        # For vectors of +-1 the product counts the equal bits less the different ones.
        equal = signs[start : start + _BLOCK] @ signs.T
        first, second = np.nonzero(equal >= 128 - 2 * _ALIKE)
        pairs += [(int(a) + start, int(b)) for a, b in zip(first, second, strict=True) if a + start < b]
    return sorted(pairs)
