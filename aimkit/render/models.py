"""Finding 3-D models: in folders, in catalogues of Sweet Home 3D, and as single files."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from aimkit.errors import AimkitError
from aimkit.paths import as_text
from aimkit.recipe import expand
from aimkit.render.recipe import RenderedModels
from aimkit.skips import Skips

#: Suffixes of files that Blender imports.
SUFFIXES = (".obj", ".glb", ".gltf", ".fbx", ".usd", ".usda", ".usdc", ".usdz", ".ply", ".stl")

#: Suffixes of files that a pose may come from.
ANIMATED = (".fbx", ".glb", ".gltf")

#: What lists the models of a catalogue.
_CATALOGUE = "PluginFurnitureCatalog.properties"

#: Bytes of the largest model that is unpacked, and of the largest list.
_LARGEST, _LONGEST = 1 << 30, 1 << 26


@dataclass(frozen=True)
class RenderModel:
    """A 3-D model.

    Attributes:
        id: Name of the collection and of the model in it; names its pictures.
        name: What it shows, as its catalogue says; else the name of its file.
        category: Its category in the catalogue, or the folder it lies in.
        creator: Who made it.
        licence: Its licence.
        origin: Where it is from.
        views: Pictures to take of it, or None.
        file: The file, or its path in the archive.
        archive: The archive it is packed in, or None.
        poses: Animations of its skeleton, one of which gives the pose of a picture.
        up: Axis of an OBJ file that points up.
    """

    id: str
    name: str
    category: str
    creator: str
    licence: str
    origin: str
    views: int | None
    file: str
    archive: Path | None = None
    poses: tuple[Path, ...] = ()
    up: str = "y"

    def matches(self, patterns: Iterable[str]) -> bool:
        """Whether a shell pattern, or a plain name, fits its id, name, category or file's name; case is ignored."""
        file = PurePosixPath(self.file.replace(os.sep, "/"))
        names = [self.id, self.id.partition("/")[2], self.name, self.category, file.name, file.stem]
        lowered = [name.lower() for name in names]
        return any(fnmatchcase(name, pattern.lower()) for pattern in patterns for name in lowered)


def find_models(entries: Sequence[RenderedModels], skips: Skips) -> list[RenderModel]:
    """All models of a recipe, in its order; what can't be one is skipped with its reason.

    Raises:
        AimkitError: A path does not exist, an archive can't be read, a pattern of ``only`` or ``exclude`` matches
            nothing, a folder has no poses, or no model is left.
    """
    found: list[RenderModel] = []
    for number, entry in enumerate(entries):
        root = expand(entry.path, f"models.{number}.path")
        title = entry.name or re.sub(r"[^\w.-]+", "-", root.stem if root.is_file() else root.name) or "models"
        if root.is_dir():
            own = _in_folder(root, entry, title)
        elif root.suffix.lower() in (".sh3f", ".zip"):
            own = _in_archive(root, entry, title, skips)
        elif root.is_file() and root.suffix.lower() in SUFFIXES:
            own = [_model(entry, title, root.stem, str(root), category="")]
        elif root.exists():
            what = f"Blender can't import {root.suffix or 'a file without suffix'}"
            raise AimkitError(what, str(root), f"known: {', '.join(SUFFIXES)}, .sh3f")
        else:
            raise AimkitError("3-D models not found", str(root), f"check models.{number}.path")
        for key, patterns in (("only", entry.only), ("exclude", entry.exclude)):
            unused = [pattern for pattern in patterns if not any(model.matches([pattern]) for model in own)]
            if unused:
                hint = "correct or remove it"
                raise AimkitError(f"{key} = '{unused[0]}' matches no model", f"models.{number}, {root}", hint)
        low = {category.lower() for category in entry.exclude_categories}
        own = [m for m in own if not entry.only or m.matches(entry.only)]
        own = [m for m in own if not m.matches(entry.exclude) and m.category.lower() not in low]
        poses = _poses(entry, f"models.{number}.poses")
        found += [replace(model, poses=poses, up=entry.up) for model in own]
    if not found:
        raise AimkitError("there is no model to render", ", ".join(entry.path for entry in entries)[:200])
    seen: dict[str, RenderModel] = {}
    for model in found:
        if model.id in seen:
            what = f"two models are named '{model.id}'"
            raise AimkitError(
                what, f"{seen[model.id].file}, {model.file}", "give each collection its own name: models.N.name"
            )
        seen[model.id] = model
    return found


def unpack(model: RenderModel, folder: Path) -> Path:
    """The model's file on disk; one in an archive is unpacked with what lies beside it.

    Args:
        model: The model.
        folder: Where to unpack; a model that is there already is taken as it is.

    Raises:
        AimkitError: The file is gone, the archive is damaged, or the model is too large.
    """
    if model.archive is None:
        path = Path(model.file)
        if not path.is_file():
            raise AimkitError("the model no longer exists", model.file)
        return path
    inside = PurePosixPath(model.file)
    target = folder / re.sub(r"[^\w.-]+", "_", model.id)
    if not (target / inside.name).is_file():
        try:
            with zipfile.ZipFile(model.archive) as archive:
                beside = [i for i in archive.infolist() if PurePosixPath(i.filename).parent == inside.parent]
                if sum(info.file_size for info in beside) > _LARGEST:
                    raise AimkitError("the model is larger than 1 GiB", f"{model.archive}, {model.file}")
                target.mkdir(parents=True, exist_ok=True)
                for info in beside:
                    name = PurePosixPath(info.filename).name
                    if not info.is_dir() and name not in ("", ".", "..") and "\\" not in name:
                        (target / name).write_bytes(archive.read(info))
        except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
            raise AimkitError(f"can't unpack the model: {error}", f"{model.archive}, {model.file}") from None
    return target / inside.name


def _poses(entry: RenderedModels, where: str) -> tuple[Path, ...]:
    if not entry.poses:
        return ()
    root = expand(entry.poses, where)
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    poses = tuple(path for path in files if path.suffix.lower() in ANIMATED)
    if not poses:
        raise AimkitError(f"there are no animations ({', '.join(ANIMATED)})", str(root), f"check {where}")
    return poses


def _in_folder(root: Path, entry: RenderedModels, title: str) -> list[RenderModel]:
    files = [path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    found = []
    for path in sorted(files):
        relative = path.relative_to(root)
        if any(part.startswith(".") for part in relative.parts):
            continue
        category = relative.parts[-2] if len(relative.parts) > 1 else ""
        found.append(_model(entry, title, as_text(relative.with_suffix("").as_posix()), str(path), category=category))
    return found


def _in_archive(path: Path, entry: RenderedModels, title: str, skips: Skips) -> list[RenderModel]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if _CATALOGUE not in names:
                what = f"the archive has no {_CATALOGUE}"
                raise AimkitError(what, str(path), "unpack it, and give its folder")
            if archive.getinfo(_CATALOGUE).file_size > _LONGEST:
                raise AimkitError(f"{_CATALOGUE} is larger than 64 MiB", str(path))
            text = archive.read(_CATALOGUE).decode("latin-1")
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise AimkitError(f"can't read the archive: {error}", str(path)) from None
    whole, rows = read_catalogue(text)
    found = []
    for row in rows:
        file = row.get("model", "").lstrip("/")
        name = f"{title}/{PurePosixPath(file).stem}"
        if file not in names:
            skips.add(name, f"the archive has no {file or 'file of it'}", path)
        elif PurePosixPath(file).suffix.lower() not in SUFFIXES:
            skips.add(name, f"Blender can't import {PurePosixPath(file).suffix}", path)
        else:
            found.append(
                _model(
                    entry,
                    title,
                    PurePosixPath(file).stem,
                    file,
                    category=row.get("category", ""),
                    name=row.get("name", ""),
                    creator=row.get("creator", ""),
                    licence=row.get("license", whole.get("license", "")),
                    archive=path,
                )
            )
    # One file may be listed twice, as with and without a shelf; a picture of it has one name.
    return list({model.id: model for model in found}.values())


def read_catalogue(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Parse a list of Sweet Home 3D (Java properties).

    Returns:
        Keys of the whole catalogue, and those of every model in the order of their numbers.
    """
    whole: dict[str, str] = {}
    rows: dict[int, dict[str, str]] = {}
    for line in re.sub(r"\\\r?\n[ \t]*", "", text).splitlines():
        match = re.match(r"\s*([A-Za-z]+)(?:#(\d{1,9}))?\s*[=:]\s*(.*?)\s*$", line)
        if match and not line.lstrip().startswith(("#", "!")):
            value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), match[3]).replace("\\", "")
            table = rows.setdefault(int(match[2]), {}) if match[2] else whole
            table.setdefault(match[1], value)
    return whole, [rows[number] for number in sorted(rows)]


def _model(
    entry: RenderedModels,
    title: str,
    stem: str,
    file: str,
    *,
    category: str,
    name: str = "",
    creator: str = "",
    licence: str = "",
    archive: Path | None = None,
) -> RenderModel:
    return RenderModel(
        f"{title}/{stem}",
        name or PurePosixPath(stem).name,
        category,
        creator or entry.creator,
        entry.licence or licence,
        entry.origin,
        entry.views,
        file,
        archive,
    )
