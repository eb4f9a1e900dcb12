"""Print what pictures cost, by size and look: ``python docs/_make/render_costs.py CUTOUTS``, from their sidecars."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

SIZES = ((0, 362), (363, 405), (406, 512), (513, 10_000))
LOOKS = {
    "imported": "as imported, metal",
    "metal": "as imported, metal",
    "cloth": "cloth, velvet",
    "velvet": "cloth, velvet",
}


def main(folder: str) -> None:
    """Print a table in Markdown: mean CPU seconds and number of pictures."""
    spent: dict[tuple[int, str], list[float]] = defaultdict(list)
    for path in Path(folder).rglob("*.json"):
        row = json.loads(path.read_text(encoding="utf-8"))
        if "cpu_seconds" not in row or "frame" not in row:
            continue
        size = next(number for number, (_, most) in enumerate(SIZES) if max(row["frame"]) <= most)
        look = "glass" if row["glass"] else LOOKS.get(row["look"]["look"], row["look"]["look"])
        spent[size, look].append(row["cpu_seconds"])
    columns = [
        look for look in dict.fromkeys([*LOOKS.values(), "glass", "fur"]) if any(key[1] == look for key in spent)
    ]
    print("| longer side |", " | ".join(columns), "|")
    print("|---" * (len(columns) + 1) + "|")
    for number, (least, most) in enumerate(SIZES):
        cells = [spent[number, look] for look in columns]
        if any(cells):
            shown = [f"{np.mean(cell):.1f} ({len(cell)})" if cell else "" for cell in cells]
            print(f"| {least} to {most} |", " | ".join(shown), "|")
    total = [value for values in spent.values() for value in values]
    print(f"\n{len(total)} pictures: mean {np.mean(total):.1f} s, median {np.median(total):.1f} s,")
    print(f"so two cores make {2 * 3600 / np.mean(total):.0f} an hour")


if __name__ == "__main__":
    main(sys.argv[1])
