"""The sources of a recipe as pictures to check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aimkit.datasets.catalog import find_published
from aimkit.datasets.catalog.layout import locate
from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.types_file import read_types
from aimkit.lint.collect import add_pairs, add_published, add_singles, place_target, with_types
from aimkit.lint.item import LintRole, LintTarget
from aimkit.lint.items import add_items
from aimkit.lint.rows import HUB, add_table, table_target
from aimkit.recipe import load_recipe, parse, raw_recipe
from aimkit.registry import Registry
from aimkit.storage import place
from aimkit.synth.own_data import own_sources, own_streams
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.source import background_sources, foreground_sources
from aimkit.types import ImageType


def recipe_target(name: str, overrides: Sequence[str] = (), folders: Mapping[str, str] | None = None) -> LintTarget:
    """List the files that a recipe of kind "synth", "train" or "evaluate" reads.

    Args:
        name: The recipe, by name or path.
        overrides: ``key=value`` texts.
        folders: Own folders, see :func:`aimkit.synth.own_data.own_sources`.

    Raises:
        AimkitError: The recipe is not found or wrong, or one of its folders is missing.
    """
    data, where = raw_recipe(name, overrides)
    own = {key: path for key, path in (folders or {}).items() if path}
    if own:
        put = own_streams if data["kind"] == "train" else own_sources
        data, where = raw_recipe(name, [*overrides, *put(name, overrides, **own)])
    target = LintTarget(name)
    if data["kind"] == "synth":
        _add_recipe(target, parse(SynthRecipe, data, where), "")
    elif data["kind"] == "train":
        validation = data.get("validation")
        streams = {"train": data.get("data", {}).get("train"), "val": (validation or {}).get("data")}
        for split, stream in streams.items():
            if isinstance(stream, dict):
                _add_stream(target, stream, split)
    elif (kind := str(data.get("data", {}).get("kind", ""))).startswith(HUB):
        return table_target(kind)
    elif folder := str(data.get("data", {}).get("root", "")):
        return table_target(folder) if folder.startswith(HUB) else place_target(place(folder, f"{where}, data.root"))
    # Two sources may read the same files, which are no duplicates then.
    target.items = list({(item.files, item.split): item for item in target.items}.values())
    target.unlicensed = list(dict.fromkeys(target.unlicensed))
    return target


def _add_stream(target: LintTarget, stream: dict[str, Any], split: str) -> None:
    if stream.get("source") == "synth":
        recipe = load_recipe(str(stream.get("recipe")), [str(o) for o in stream.get("overrides", ())], kind="synth")
        _add_recipe(target, recipe, split)
    elif stream.get("path"):
        found = place_target(place(str(stream["path"])))
        target.items += found.items
        target.notes += found.notes
        for check, faults in found.faults.items():
            target.faults.setdefault(check, []).extend(faults)
    else:
        target.notes.append(f"the {split} data of source '{stream.get('source')}' is not checked")


def _add_recipe(target: LintTarget, recipe: SynthRecipe, split: str) -> None:
    for role, blocks in (("foregrounds", recipe.foregrounds), ("backgrounds", recipe.backgrounds)):
        for block in blocks:
            _add_source(target, block, split, role)


def _add_source(target: LintTarget, block: Any, split: str, role: str) -> None:
    if block.source == "procedural":
        return
    start, stated_licence = len(target.items), bool(block.licence)
    # A source that divides its items by content shares no picture between its sides.
    own = "" if getattr(block, "split", "all") != "all" else split
    exclude = read_exclude(getattr(block, "exclude", []))
    stated = getattr(block, "type", "infer")
    kind = ImageType(stated) if stated in set(ImageType) else None
    if block.source in ("cutouts", "folder"):
        credited = add_singles(target, place(block.path), exclude=exclude, split=own)
        stated_licence = stated_licence or (credited and block.source == "cutouts")
    elif block.source in ("pairs", "photos"):
        colours, mattes = block.searched()
        name: LintRole = "colours" if block.source == "pairs" else "photo"
        add_pairs(target, name, colours, mattes, place(block.path), exclude=exclude, split=own, kind=kind)
    elif block.source == "catalog":
        _add_published(target, block, own, role, exclude)
    elif block.source == "huggingface":
        add_table(target, block, own, role, exclude, kind)
    else:
        # A pool, or a source of another package.
        registry: Registry[Any] = foreground_sources if role == "foregrounds" else background_sources
        sides = {"split": "all", "first": None} if hasattr(block, "split") else {}
        add_items(target, registry.get(block.source).value(block.model_copy(update=sides)), role, block.title, own)
        return
    if getattr(block, "types", ""):
        target.items[start:] = with_types(target.items[start:], read_types(block.types, block.dataset))
    if not stated_licence and block.source != "catalog":
        target.unlicensed.append(f"{role}: {block.title}")


def _add_published(target: LintTarget, block: Any, split: str, role: str, exclude: Any) -> None:
    one = find_published(block.set, f"{block.title}, set")
    use = "backgrounds" if role == "backgrounds" else "foregrounds"
    located = locate(one, one.part(block.part, use, block.title), place(block.path), block.title)  # type: ignore[arg-type]
    kind = ImageType(one.type) if one.type else None
    add_published(target, located, exclude=exclude, split=split, kind=kind)
