"""Make a trained checkpoint a zoo entry: a weights file, its recipe and a manifest file, side by side.

The run's ``data.json``, written by the trainer, lists the training data of all stages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from aimkit.digests import is_changed, sha256
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.json_files import parse_json, read_json
from aimkit.models.weights import declared, official
from aimkit.models.weights.declared import Declared
from aimkit.publish.convert import declared_of, describe, save
from aimkit.recipe import load_recipe, parse
from aimkit.redact import redact_all, redact_urls
from aimkit.state_dict import read
from aimkit.zoo.manifest import Manifest, TrainingSet, ZooEntry, commercial, entries, own_folders
from aimkit.zoo.manifest import find as find_entry

_WHOLE = ("sad", "mse", "mad", "grad", "conn", "sad_transition", "mse_transition", "mad_transition")


@dataclass
class Facts:
    """Facts about a checkpoint that its file lacks. Empty values come from the file and from the entry it started from.

    Attributes:
        architecture: Name of the network.
        backbone: Name of the backbone.
        stage: Training stage.
        licence: Licence of the weights.
        data: Training data beyond that of the run and of the entry it started from; a set replaces the run's of the
            same name.
        seen: Test sets whose images were used for training or model selection.
        recipe: Packaged recipe or file; it must be the one that made the checkpoint.
        results: Files written by ``aimkit evaluate``.
        paper: URL of the paper.
        notes: Further notes.
        default: Whether the entry is used when no weights are given.
        predict: Inference defaults: a ``strategy`` and its options.
    """

    architecture: str | None = None
    backbone: str | None = None
    stage: str | None = None
    licence: str = "unknown"
    data: Sequence[TrainingSet] = ()
    seen: Sequence[str] = ()
    recipe: str | None = None
    results: Sequence[Path] = ()
    paper: str | None = None
    notes: str = ""
    default: bool = False
    predict: Mapping[str, Any] = field(default_factory=dict)


def add(
    file: Path, id: str, facts: Facts, *, folder: Path | None = None, half: bool = False, force: bool = False
) -> ZooEntry:
    """Write an entry into a manifest folder of your own.

    Args:
        file: Weights file: a checkpoint of the trainer, or any file that fits a known network completely.
        id: ``architecture_backbone.tag``, or ``backbone.tag``.
        facts: Facts that the file lacks.
        folder: Manifest folder; by default the first of :func:`aimkit.zoo.manifest.own_folders`.
        half: Store float16.
        force: Replace an entry of the same id in the folder.

    Returns:
        The entry, with digest and size.

    Raises:
        AimkitError: The weights do not fit their network, the id is taken or invalid, or the recipe is not the one that
            made the checkpoint.
    """
    if folder is None and not own_folders():
        raise AimkitError("there is no home folder for your own entries", "--to", "add --to FOLDER, or set AIMKIT_ZOO")
    folder = folder or own_folders()[0]
    target = folder / f"{id}.toml"
    for known in (entry for entry in entries() if entry.id == id):
        same = known.file is not None and known.file.resolve() == target.resolve()
        if not (force and same):
            hint = "choose another tag" + (", or add --force" if same else "")
            raise AimkitError(f"the zoo already has an entry '{id}'", str(known.file), hint)
    model, build = _load(file, facts)
    told = declared.metadata(file)
    first, data = _history(file, told.get("init", ""))
    start = find_entry(first) if first else None
    wanted = {
        "id": id,
        "architecture": build.architecture,
        "backbone": build.backbone,
        "options": build.options,
        "stage": facts.stage or told.get("stage") or ("matting" if build.architecture else "imagenet"),
        "init": start.id if start else None,
        "format": "safetensors",
        "licence": facts.licence,
        "data": [data.model_dump() for data in _merged([*(start.data if start else ()), *data], facts.data)],
        "seen": sorted({*facts.seen, *(start.seen if start else ())}),
        "preprocessing": _preprocessing(model),
        "predict": dict(facts.predict) or _told(told, "predict", file),
        "recipe_digest": told.get("recipe") or None,
        "seed": int(told["seed"]) if told.get("seed") else None,
        "metrics": [metric_of(path) for path in facts.results],
        "paper": facts.paper,
        "notes": facts.notes,
        "default": facts.default,
    }
    recipe = _recipe(file, id, facts, told.get("recipe", ""))
    wanted |= recipe.keys
    parse(ZooEntry, wanted, f"the new entry {id}")
    weights = folder / f"{id}.safetensors"
    told |= {"predict": json.dumps(wanted["predict"], sort_keys=True)} if wanted["predict"] else {}
    save(model.state_dict(), weights, told | describe(build), half=half)
    wanted |= {
        "sources": [f"file:{weights.name}"],
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
    }
    if recipe.text is not None:
        write_bytes(folder / f"{id}.recipe.toml", recipe.text)
    entry = parse(ZooEntry, wanted, f"the new entry {id}")
    write(entry, target)
    return entry


def write(entry: ZooEntry, target: Path) -> None:
    """Write a manifest file of one entry."""
    table = redact_all(entry.to_table())
    head = f"# Written by aimkit zoo. To show it: aimkit zoo show {entry.id}\n\n"
    write_bytes(target, (head + tomli_w.dumps({"checkpoint": [table]})).encode())
    parse(Manifest, {"checkpoint": [table]}, str(target))
    entry._file = target


def metric_of(path: Path) -> dict[str, Any]:
    """Read a metric row from a ``results.json``: averages over all images, SAD and MAD of types and their means.

    Raises:
        AimkitError: The file does not hold the results of an evaluation.
    """
    file = path / "results.json" if path.is_dir() else path
    try:
        content = read_json(file, dict, "results file", "'aimkit evaluate' writes it")
        if is_changed(content):
            raise AimkitError("the results were changed since they were written", str(file), "evaluate again")
        means, protocol = content["averages"], content["protocol"]
        found = {name: means["images"].get(name) for name in _WHOLE}
        groups = {**means["types"], "type_mean": means["type_macro"], "category_mean": means["category_macro"]}
        for group, values in groups.items():
            found |= {f"{name}_{group.lower()}": values.get(name) for name in ("sad", "mad")}
        data, text = str(protocol["data"]), str(protocol["text"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AimkitError(
            "the file does not hold the results of an evaluation", str(file), "aimkit evaluate writes such files"
        ) from None
    values = {name: round(value, 6) for name, value in found.items() if value is not None}
    return {"test_set": data.split(", ")[0], "protocol": text, "origin": "aimkit evaluate", "values": values}


@dataclass
class _EntryRecipe:
    keys: dict[str, str]
    text: bytes | None = None


def _recipe(file: Path, id: str, facts: Facts, digest: str) -> _EntryRecipe:
    """The recipe: the given one if its digest is the checkpoint's, else the one beside the checkpoint."""
    if facts.recipe:
        found = load_recipe(facts.recipe, kind="train").digest()
        if digest and found != digest:
            what = f"the checkpoint was made by another recipe: digest {digest[:12]}, this one has {found[:12]}"
            raise AimkitError(what, facts.recipe, "leave out --recipe to use the one next to the checkpoint")
        if not Path(facts.recipe).is_file():
            return _EntryRecipe({"recipe": facts.recipe, "recipe_digest": found})
        return _EntryRecipe({"recipe": f"{id}.recipe.toml", "recipe_digest": found}, _masked(Path(facts.recipe)))
    beside = file.with_name("recipe.toml")
    if digest and beside.is_file():
        return _EntryRecipe({"recipe": f"{id}.recipe.toml"}, _masked(beside))
    return _EntryRecipe({})


def _masked(recipe: Path) -> bytes:
    """A recipe's text without the credentials of its URLs, which its digest does not depend on."""
    return redact_urls(recipe.read_text(encoding="utf-8")).encode()


def _load(file: Path, facts: Facts) -> tuple[Any, Declared]:
    """Build the network and load the weights into it, which proves that they fit."""
    tensors = read(file)
    if facts.backbone:
        options = _told(declared.metadata(file), "options", file)
        build = Declared(facts.architecture, facts.backbone, options, where=str(file))
    else:
        build = declared_of(file, tensors)
    model = declared.build(build)
    official.load_state_dict(model, tensors, str(file))
    return model, build


def _told(told: Mapping[str, str], key: str, file: Path) -> dict[str, Any]:
    """A table of the weights' metadata."""
    table: dict[str, Any] = parse_json(told.get(key) or "{}", dict, f"metadata '{key}' of the weights", str(file))
    return table


def _history(file: Path, init: str) -> tuple[str, list[TrainingSet]]:
    """The zoo id that the first stage started from, or "", and the training data of all stages."""
    for folder in list(file.parents)[:3]:
        path = folder / "data.json"
        if path.is_file():
            try:
                content = read_json(path, dict, "list of the run's training data")
                rows = [row | {"commercial": commercial(row["licence"])} for row in content["data"]]
                return str(content["start"]), [parse(TrainingSet, row, str(path)) for row in rows]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise AimkitError(f"can't read the training data of the run: {error}", str(path)) from None
    return (init if init in {entry.id for entry in entries()} else ""), []


def _merged(found: Sequence[TrainingSet], given: Sequence[TrainingSet]) -> list[TrainingSet]:
    """Training data of the start and of the run, except for sets that are given anew.

    The pictures of one set may have many authors: each has a row, since licences ask for their names.
    """
    anew = {item.name for item in given}
    rows = {(item.name, item.licence, item.origin): item for item in found if item.name not in anew}
    return [*rows.values(), *given]


def _preprocessing(model: Any) -> dict[str, Any]:
    found = model.preprocessing
    return {
        "mean": [round(float(value), 9) for value in found.mean],
        "std": [round(float(value), 9) for value in found.std],
        "value_range": float(found.value_range),
        "size_multiple": int(found.size_multiple),
    }
