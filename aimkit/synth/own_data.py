"""Own folders in place of the files that a recipe names: ``aimkit synth natural --foregrounds DIR --backgrounds DIR``.

The result is a list of overrides, as a person could type them; so everything that takes a recipe takes own folders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from aimkit.datasets.find import find_images
from aimkit.datasets.types_file import usual_types_file
from aimkit.errors import AimkitError
from aimkit.recipe import raw_recipe
from aimkit.remote import Remote
from aimkit.storage import Place, place
from aimkit.synth.pool.index import NAME as POOL_INDEX

#: Subfolders that identify a folder of foregrounds: names for the colours, names for the mattes.
_LAYOUTS = {
    "pairs": (("fg", "foreground"), ("alpha", "mask")),
    "photos": (("original", "image", "im"), ("mask", "alpha")),
}
#: Keys of a replaced table that say how its items are drawn, not what they are.
_KEPT = ("weight", "repeat", "split", "val_share", "first")


def own_sources(
    recipe: str, overrides: Sequence[str] = (), *, foregrounds: str = "", mattes: str = "", backgrounds: str = ""
) -> list[str]:
    """Return the overrides that put own folders into a synth recipe.

    A folder takes the place of all sources of the recipe that read files; its generators are kept. In a recipe that has
    only generators, the folder takes their place.

    Args:
        recipe: A synth recipe, by name or path.
        overrides: Overrides that come before.
        foregrounds: Folder of cut-outs, of ``fg/`` and ``alpha/``, of ``original/`` and ``mask/``, a pool, or a types
            file, whose folder is read. With ``mattes``, a folder of photos. Empty keeps the recipe's.
        mattes: Folder of the photos' mattes, with files of the same names.
        backgrounds: Folder of photos, or a pool. Empty keeps the recipe's.

    Raises:
        AimkitError: A folder is missing, or holds something else.
    """
    return _with_tables(recipe, overrides, _own_tables(foregrounds, mattes, backgrounds))


def own_streams(
    recipe: str, overrides: Sequence[str] = (), *, foregrounds: str = "", mattes: str = "", backgrounds: str = ""
) -> list[str]:
    """Return the overrides that put own folders into the composites of a train recipe; see :func:`own_sources`.

    Training and validation draw from the same folders; a recipe's split keeps their foregrounds apart.

    Raises:
        AimkitError: The recipe trains on something else than composites.
    """
    data, where = raw_recipe(recipe, overrides, kind="train")
    tables, result = _own_tables(foregrounds, mattes, backgrounds), []
    for key in ("data.train", "validation.data"):
        first, second = key.split(".")
        stream = data.get(first, {}).get(second) if isinstance(data.get(first, {}), dict) else None
        if key == "validation.data" and (not isinstance(stream, dict) or stream.get("source") != "synth"):
            continue
        if not isinstance(stream, dict) or stream.get("source") != "synth":
            what = "the recipe does not train on composites, so it has no foregrounds or backgrounds to replace"
            raise AimkitError(what, f"{where}, {key}", "recipes that do: aimkit recipes ls train")
        inner = [str(text) for text in stream.get("overrides", [])]
        own = _with_tables(str(stream.get("recipe")), (), tables)
        result.append(f"{key}.overrides={json.dumps([*own, *inner], ensure_ascii=False)}")
    return result


def foreground_table(path: str, mattes: str = "") -> dict[str, Any]:
    """Return the source table of a folder of foregrounds.

    Raises:
        AimkitError: The folder is missing, has no images, or they have no mattes.
    """
    if path.startswith("hf:"):
        return {"source": "huggingface", "path": path.removeprefix("hf:")}
    folder = place(path, "--foregrounds")
    if mattes:
        _folder(folder, "--foregrounds")
        _folder(place(mattes, "--mattes"), "--mattes")
        return {"source": "photos", "path": path, "image": ".", "alpha": str(Path(mattes).absolute())}
    types = ""
    if isinstance(folder, Path) and folder.is_file() and folder.suffix == ".json":
        types, folder = str(folder), folder.parent
    _folder(folder, "--foregrounds")
    if (folder / POOL_INDEX).is_file():
        return {"source": "pool", "path": str(folder)}
    kind = "cutouts" if isinstance(folder, Remote) else kind_of(folder)
    if kind == "folder":
        hint = "name the folder of their mattes: --mattes DIR; or keep photos in original/ and mattes in mask/"
        raise AimkitError("the images have no alpha channel, so they are not cut-outs", str(folder), hint)
    if not types and isinstance(folder, Path):
        types = str(usual_types_file(folder) or "")
    return {"source": kind, "path": str(folder)} | ({"types": types} if types else {})


def background_table(path: str) -> dict[str, Any]:
    """Return the source table of a folder of backgrounds.

    Raises:
        AimkitError: The folder is missing.
    """
    if path.startswith("hf:"):
        return {"source": "huggingface", "path": path.removeprefix("hf:")}
    folder = place(path, "--backgrounds")
    _folder(folder, "--backgrounds")
    return {"source": "pool" if (folder / POOL_INDEX).is_file() else "folder", "path": str(folder)}


def kind_of(folder: Place) -> str:
    """Guess which source reads a folder: "pairs", "photos" or "cutouts" for foregrounds, "folder" for backgrounds.

    Raises:
        AimkitError: The folder has no images, or only some of them have an alpha channel.
    """
    for kind, groups in _LAYOUTS.items():
        if all(any((folder / name).is_dir() for name in group) for group in groups):
            return kind
    clear = [alpha for alpha in map(_has_alpha, find_images(folder).files.values()) if alpha is not None]
    if not clear:
        raise AimkitError("the folder has no images", str(folder))
    if 0 < sum(clear) < len(clear):
        what = f"{sum(clear)} of {len(clear)} images have an alpha channel"
        hint = "separate them, or choose source=cutouts (foregrounds) or source=folder (backgrounds)"
        raise AimkitError(what, str(folder), hint)
    return "cutouts" if clear[0] else "folder"


def with_own(tables: Sequence[Mapping[str, Any]], own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The source tables of a recipe with those that read files replaced by one; it stands where the first stood.

    Args:
        tables: The recipe's foregrounds or backgrounds.
        own: The table that takes their place; in a list of generators alone, it takes the place of all.
    """
    drawn = [dict(table) for table in tables if table.get("source") == "procedural"]
    stored = [table for table in tables if table.get("source") != "procedural"]
    if not stored:
        return [dict(own)]
    position = next(i for i, table in enumerate(tables) if table.get("source") != "procedural")
    kept = {key: stored[0][key] for key in _KEPT if key in stored[0]}
    return [*drawn[:position], {**own, **kept}, *drawn[position:]]


def with_stand_ins(data: Mapping[str, Any], allowed: Sequence[Path] | None = None) -> tuple[dict[str, Any], list[str]]:
    """A synth recipe that can be previewed without its data: generators replace folders that are missing.

    Args:
        data: Plain data of the recipe.
        allowed: The only folders that may be read; None allows all, for recipes of this machine's own user.

    Returns:
        The recipe's data, and the names of the sources that generators stand in for, such as "foregrounds.DIM".
    """
    result, names = dict(data), []
    for key in ("foregrounds", "backgrounds"):
        rows = []
        for table in data.get(key, []):
            if not isinstance(table, Mapping) or _is_here(table, allowed):
                rows.append(table)
                continue
            names.append(f"{key}.{table.get('name') or table.get('set') or table.get('source')}")
            rows.append({"source": "procedural"} | {k: table[k] for k in ("weight", "repeat") if k in table})
        if key in data:
            result[key] = rows
    return result, names


def _is_here(table: Mapping[str, Any], allowed: Sequence[Path] | None) -> bool:
    """Whether a source draws, or reads a folder of this machine that exists."""
    if "path" not in table:
        return table.get("source") == "procedural"
    if table.get("source") == "huggingface" or (allowed is not None and table["path"] not in map(str, allowed)):
        return False
    try:
        folder = place(str(table["path"]))
    except AimkitError:
        return False
    return isinstance(folder, Path) and folder.exists()


def _own_tables(foregrounds: str, mattes: str, backgrounds: str) -> dict[str, dict[str, Any]]:
    """The source tables of own folders, by the recipe's key; looking at a large folder takes a while."""
    if mattes and not foregrounds:
        raise AimkitError("--mattes needs --foregrounds", "--mattes", "add --foregrounds DIR, the folder of the photos")
    tables = {"foregrounds": foreground_table(foregrounds, mattes)} if foregrounds else {}
    return tables | ({"backgrounds": background_table(backgrounds)} if backgrounds else {})


def _with_tables(recipe: str, overrides: Sequence[str], tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    data, where = raw_recipe(recipe, overrides, kind="synth")
    result = []
    for key, own in tables.items():
        known = data.get(key, [])
        if not isinstance(known, list) or not all(isinstance(one, dict) for one in known):
            raise AimkitError(f"'{key}' must be a list of tables", f"{where}, {key}")
        result.append(f"{key}={_toml(with_own(known, own))}")
    return result


def _folder(folder: Place, option: str) -> None:
    if not folder.is_dir():
        raise AimkitError("folder not found", f"{option} {folder}")


def _toml(value: Any) -> str:
    """Plain data as TOML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _has_alpha(path: Place) -> bool | None:
    """Whether an image has an alpha channel; None if the file is not an image."""
    try:
        with path.open("rb") as file, Image.open(file) as image:
            return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    except Exception:
        # Pillow meets broken files with errors of nearly every class.
        return None
