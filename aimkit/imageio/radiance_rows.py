"""The rows of Radiance HDR files, compiled by Numba."""

from __future__ import annotations

from aimkit.compiled import compiled
from aimkit.types import Array, UInt8


def read_rows(data: UInt8, rows: UInt8) -> bool:
    """Read the rows of a file, each plain or run-length encoded by channels.

    Args:
        data: The bytes behind the header.
        rows: Takes the RGBE levels, (H, W, 4).

    Returns:
        Whether the data is sound and complete.
    """
    return bool(_read_rows(data, rows))


@compiled
def _read_rows(data: Array, rows: Array) -> bool:
    height, width, _ = rows.shape
    end, at = len(data), 0
    for y in range(height):
        if at + 4 > end:
            return False
        length = 256 * int(data[at + 2]) + int(data[at + 3])
        if data[at] != 2 or data[at + 1] != 2 or length != width:
            if at + 4 * width > end:
                return False
            for x in range(width):
                for c in range(4):
                    rows[y, x, c] = data[at + 4 * x + c]
            at += 4 * width
            continue
        at += 4
        for c in range(4):
            x = 0
            while x < width:
                if at + 1 >= end:
                    return False
                run = data[at] > 128
                count = int(data[at]) - 128 if run else int(data[at])
                if count == 0 or x + count > width or (not run and at + 1 + count > end):
                    return False
                for i in range(count):
                    rows[y, x + i, c] = data[at + 1] if run else data[at + 1 + i]
                x += count
                at += 2 if run else 1 + count
    return True
