"""Draw the sheet of rendered cut-outs: ``python docs/_make/rendered.py CUTOUTS`` (a folder of ``aimkit render``).

Writes ``docs/gallery/rendered.jpg``, and the credits of what it shows into ``docs/gallery.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aimkit.imageio import read_rgba
from aimkit.matting.composite import composite
from aimkit.synth.geometry import resize
from aimkit.types import UInt8, to_float, to_uint8

DOCS = Path(__file__).parents[1]
COLUMNS, ROWS, TILE = 8, 6, 150
#: Tiles of each kind of look.
KINDS = {"fur": 13, "glass": 11, "other": COLUMNS * ROWS - 24}
#: Largest file, in bytes.
LIMIT = 250_000
BEGIN, END = "<!-- credits of rendered.jpg -->\n", "<!-- end of credits -->\n"

#: Words in the names of models that show a trademark: they are for training, not for pages.
TRADEMARKS = re.compile(
    "mario|yoshi|spiderman|ninja|nickelodeon|thomas|android|crayola|kingston|razer|sperry|sterilite|breyer|schleich|lego|"
    "_can|mustard|bleach|cracker|womens_multi|iphone|apple_pc|kitchenaid|chevrolet|renault|vw-|yamaha"
)

#: Colours of the backgrounds, from top to bottom of a tile.
GROUNDS = (
    ((226, 232, 240), (148, 163, 184)),
    ((30, 41, 59), (71, 85, 105)),
    ((254, 243, 199), (214, 180, 120)),
    ((220, 252, 231), (134, 180, 150)),
    ((49, 46, 129), (129, 140, 200)),
    ((255, 228, 230), (200, 150, 160)),
)


def chosen(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """48 cut-outs of as many models, of each kind some: those with much soft alpha, and fewer and fewer with less."""
    best: dict[str, dict[str, tuple[float, Path, dict[str, Any]]]] = {kind: {} for kind in KINDS}
    for path in sorted(folder.rglob("*.png")):
        sidecar = path.with_suffix(".json")
        if any(part.startswith(".") for part in path.relative_to(folder).parts) or not sidecar.is_file():
            continue
        row = json.loads(sidecar.read_text(encoding="utf-8"))
        if TRADEMARKS.search(row["model"]["id"].lower()):
            continue
        alpha = to_uint8(read_rgba(path)[1])
        covered = np.count_nonzero(alpha > 12)
        soft = np.count_nonzero((alpha > 12) & (alpha < 243)) / max(covered, 1)
        kind, name = "glass" if row["glass"] else row["look"]["look"], row["model"]["id"]
        found = best.get(kind, best["other"])
        # A picture that is hardly there, or a narrow one, makes a poor tile.
        fits = covered > 0.12 * max(alpha.shape) ** 2
        if fits and soft > found.get(name, (-1.0,))[0]:
            found[name] = (soft, path, row)
    picked: dict[str, tuple[Path, dict[str, Any]]] = {}
    for kind, count in KINDS.items():
        ranked = sorted((one for name, one in best[kind].items() if name not in picked), key=lambda one: -one[0])
        if len(ranked) < count:
            raise SystemExit(f"{len(ranked)} models are too few, {count} are needed ({kind})")
        places = [int((len(ranked) - count) * (i / max(1, count - 1)) ** 2) + i for i in range(count)]
        picked |= {ranked[place][2]["model"]["id"]: ranked[place][1:] for place in places}
    return sorted(picked.values(), key=lambda one: hashlib.sha256(one[1]["model"]["id"].encode()).digest())


def tile(path: Path, number: int) -> UInt8:
    """A cut-out over a soft ground."""
    color, alpha = (to_float(plane) for plane in read_rgba(path))
    scale = (TILE - 10) / max(alpha.shape)
    size = (max(1, round(alpha.shape[0] * scale)), max(1, round(alpha.shape[1] * scale)))
    color, alpha = resize(color, alpha, size)
    top, left = (TILE - size[0]) // 2, (TILE - size[1]) // 2
    large, matte = np.zeros((TILE, TILE, 3), np.float32), np.zeros((TILE, TILE), np.float32)
    large[top : top + size[0], left : left + size[1]] = color
    matte[top : top + size[0], left : left + size[1]] = alpha
    above, below = (np.array(part, np.float64) for part in GROUNDS[(number * 5 + number // COLUMNS) % len(GROUNDS)])
    ground = above + (below - above) * np.linspace(0, 1, TILE)[:, None, None]
    return composite(to_uint8(large), to_uint8(matte), np.broadcast_to(ground, large.shape).round().astype(np.uint8))


def credits(rows: list[dict[str, Any]]) -> str:
    """Title, creator and licence of every model, as CC-BY asks."""
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        model = row["model"]
        grouped[model["licence"], model["creator"]].append(model["name"].replace("_", " "))
    parts = [
        f"{', '.join(sorted(names))} ({creator + ', ' if creator else ''}{licence})"
        for (licence, creator), names in sorted(grouped.items())
    ]
    return f"Models: {'; '.join(parts)}.\n"


def main(folder: str) -> None:
    """Write the sheet and its credits."""
    found = chosen(Path(folder))
    tiles = [tile(path, number) for number, (path, _) in enumerate(found)]
    sheet = np.vstack([np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)])
    for quality in range(90, 30, -4):
        file = BytesIO()
        Image.fromarray(sheet).save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= LIMIT:
            break
    (DOCS / "gallery/rendered.jpg").write_bytes(file.getvalue())
    page = DOCS / "gallery.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}{credits([row for _, row in found])}{END}{after}", encoding="utf-8")
    print(f"rendered.jpg: {file.tell() / 1e3:.0f} kB, quality {quality}")


if __name__ == "__main__":
    main(sys.argv[1])
