"""The training data of a run, over all its stages; recorded at its start, when all sources are available.

``RUN/data.json`` holds ``start``, the zoo id of the weights that the first stage started from ("" for random weights),
and ``data``, a row for each source of every stage: name, licence, origin and number of images. ``aimkit zoo add`` reads
it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aimkit.data.streams import CatalogStream, FiniteBlock, StreamBlock, SynthStream
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.json_files import parsed, read_json
from aimkit.models.registry import backbones
from aimkit.models.weights import loading
from aimkit.recipe import expand, load_recipe
from aimkit.train.recipe import Model, TrainRecipe

NAME = "data.json"

Row = dict[str, Any]


def write(recipe: TrainRecipe, run: Path) -> None:
    """Write the file of a run, unless it exists."""
    if not (run / NAME).exists():
        save(history(recipe), run)


def save(content: dict[str, Any], folder: Path) -> None:
    """Write ``start`` and ``data`` to the file of a folder."""
    write_bytes(folder / NAME, (json.dumps(content, indent=1) + "\n").encode())


def history(recipe: TrainRecipe) -> dict[str, Any]:
    """``start`` and ``data`` of a run that is about to start.

    Raises:
        AimkitError: A source can't be opened, or ``model.init`` is not found.
    """
    start, rows = _before(recipe.model)
    return {"start": start, "data": _once([*rows, *sources(recipe.data.train)])}


def of_all(refs: Sequence[str]) -> dict[str, Any]:
    """``start`` and ``data`` of weights that come from all of these.

    Raises:
        AimkitError: Weights are not found, or did not start from the same ones.
    """
    found = [of_weights(ref) for ref in refs]
    starts = sorted({start or "random weights" for start, _ in found})
    if len(starts) > 1:
        raise AimkitError(f"the runs started from different weights: {', '.join(starts)}", ", ".join(refs))
    return {"start": found[0][0], "data": _once([row for _, rows in found for row in rows])}


def sources(block: StreamBlock) -> list[Row]:
    """The sources of a stream."""
    if isinstance(block, SynthStream):
        return _of_recipe(load_recipe(block.recipe, block.overrides, kind="synth"))
    if isinstance(block, CatalogStream):
        from aimkit.datasets.catalog import find_published

        one = find_published(block.set, "data.set")
        return [_row(one.title, one.terms, one.page)]
    if block.source == "written" and isinstance(block, FiniteBlock):
        from aimkit.datasets.inspect.stats import source_rows, total
        from aimkit.datasets.reader import open_dataset

        found = source_rows(total(open_dataset(block.path).sidecars())["sources"])
        return _once([_row(name, licence, origin) for _, name, licence, origin, _ in found])
    if isinstance(block, FiniteBlock):
        return [_row(expand(block.path).resolve().name, "", "")]
    return [_row(block.source, "", "")]


def _of_recipe(recipe: Any) -> list[Row]:
    from aimkit.synth.source import background_sources, foreground_sources

    rows = []
    for blocks, registry in ((recipe.foregrounds, foreground_sources), (recipe.backgrounds, background_sources)):
        for block in (block for block in blocks if block.weight):
            # Generated foregrounds and backgrounds have no digest and are unlimited; of a panorama, all views have one.
            digests: dict[tuple[str, str, str], set[str]] = {}
            for item in registry.get(block.source).value(block).items:
                key = (item.source, item.licence, item.origin)
                digests.setdefault(key, set()).update(filter(None, [item.digest]))
            rows += [_row(*key, images=len(own)) for key, own in digests.items()]
    return _once(rows)


def _before(model: Model) -> tuple[str, list[Row]]:
    """The zoo id of the first weights, and the data of earlier stages."""
    if model.init:
        return of_weights(model.init)
    if not model.pretrained:
        return "", []
    own = backbones.get(model.backbone).value.pretrained if model.backbone in backbones else None
    return own or f"timm:{model.backbone}", []


def of_weights(ref: str) -> tuple[str, list[Row]]:
    """The zoo id of the first weights, and the data of all stages, of a file, a run or a zoo entry.

    Raises:
        AimkitError: The weights are not found, or their list is damaged.
    """
    if not expand(ref).exists():
        return loading.entry_id(ref), []
    file = loading.find(ref)
    for folder in list(file.parents)[:3]:
        if (folder / NAME).is_file():
            return _read(folder / NAME)
    return "", [_row(f"training data of {file.name}", "", "")]


def _read(path: Path) -> tuple[str, list[Row]]:
    what = "list of the earlier stage's training data"
    content = read_json(path, dict, what)
    return parsed(content, lambda found: (str(found["start"]), list(found["data"])), what, str(path))


def _row(name: str, licence: str, origin: str, images: int = 0) -> Row:
    row = {"name": name, "licence": licence or "not stated", "origin": origin, "images": images}
    return {key: value for key, value in row.items() if value}


def _once(rows: list[Row]) -> list[Row]:
    """One row for each source; its images count once, even if several stages use it."""
    merged: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = (row["name"], row["licence"], row.get("origin"))
        same = merged.setdefault(key, dict(row))
        if row.get("images", 0) > same.get("images", 0):
            same["images"] = row["images"]
    return list(merged.values())
