"""Models in folders, catalogues and files, and what is left out."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.recipe import parse
from aimkit.render.models import RenderModel, find_models, read_catalogue, unpack
from aimkit.render.recipe import RenderedModels
from aimkit.skips import Skips

CATALOGUE = """\
# comment#1=no
license=Creative Commons
name#1=Caf\\u00e9 cup
category#1=Kitchen
creator#1=Ann
model#1=/pack/cup/cup.obj
name#2=Door
category#2=Doors and windows
model#2=/pack/door/door.obj
name#10=Plan
model#10=/pack/plan.dwg
name#3=Gone
model#3=/pack/gone.obj
"""


def catalogue(folder: Path) -> Path:
    path = folder / "pack.sh3f"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", CATALOGUE)
        for name in ("cup/cup.obj", "cup/cup.mtl", "cup/wood.jpg", "door/door.obj", "plan.dwg"):
            archive.writestr(f"pack/{name}", name)
        archive.writestr("pack/cup/..\\evil.txt", "no")
    return path


def found(*tables: dict[str, Any], skips: Skips | None = None) -> list[RenderModel]:
    entries = [parse(RenderedModels, table, "test") for table in tables]
    return find_models(entries, skips if skips is not None else Skips("model"))


def test_a_catalogue_tells_names_categories_creators_and_licences(tmp_path: Path) -> None:
    skips = Skips("model")
    cup, door = found({"path": str(catalogue(tmp_path))}, skips=skips)
    assert (cup.id, cup.name, cup.category, cup.creator) == ("pack/cup", "Café cup", "Kitchen", "Ann")
    assert (cup.licence, door.licence) == ("Creative Commons", "Creative Commons")
    assert dict(skips.rows) == {
        "pack/gone": "the archive has no pack/gone.obj",
        "pack/plan": "Blender can't import .dwg",
    }


def test_a_recipe_says_better_what_the_licence_is(tmp_path: Path) -> None:
    table = {"path": str(catalogue(tmp_path)), "licence": "CC0-1.0", "creator": "B", "name": "own"}
    cup, door = found(table)
    assert (cup.id, cup.licence, cup.creator, door.creator) == ("own/cup", "CC0-1.0", "Ann", "B")


def test_a_model_is_unpacked_with_what_lies_beside_it_and_nothing_leaves_the_folder(tmp_path: Path) -> None:
    cup, _ = found({"path": str(catalogue(tmp_path))})
    file = unpack(cup, tmp_path / "work")
    assert file.read_text() == "cup/cup.obj"
    assert sorted(p.name for p in file.parent.iterdir()) == ["cup.mtl", "cup.obj", "wood.jpg"]
    assert [p.name for p in tmp_path.iterdir()] == ["pack.sh3f", "work"] or not list(tmp_path.glob("*evil*"))


def test_names_patterns_and_categories_are_left_out(tmp_path: Path) -> None:
    path = str(catalogue(tmp_path))
    assert [m.id for m in found({"path": path, "exclude_categories": ["doors AND windows"]})] == ["pack/cup"]
    for pattern in ("door", "Door", "d*r", "pack/door"):
        assert [m.id for m in found({"path": path, "exclude": [pattern]})] == ["pack/cup"]
    with pytest.raises(AimkitError, match="exclude = 'dor' matches no model"):
        found({"path": path, "exclude": ["dor"]})
    with pytest.raises(AimkitError, match="no model to render"):
        found({"path": path, "exclude": ["*"]})


def test_folders_are_searched_and_files_are_taken(tmp_path: Path) -> None:
    for name in ("a.obj", "chairs/b.glb", "chairs/.hidden.obj", ".trash/c.obj", "notes.txt", "d.PLY"):
        (tmp_path / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / name).write_text("x")
    every = found({"path": str(tmp_path / "m")})
    assert [(m.id, m.category) for m in every] == [("m/a", ""), ("m/chairs/b", "chairs"), ("m/d", "")]
    assert [m.id for m in found({"path": str(tmp_path / "m/a.obj"), "name": "n"})] == ["n/a"]
    with pytest.raises(AimkitError, match=r"can't import \.txt"):
        found({"path": str(tmp_path / "m/notes.txt")})
    with pytest.raises(AimkitError, match="3-D models not found"):
        found({"path": str(tmp_path / "nothing")})
    with pytest.raises(AimkitError, match="two models are named 'm/a'"):
        found({"path": str(tmp_path / "m")}, {"path": str(tmp_path / "m/a.obj"), "name": "m"})


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip"])
def test_a_damaged_archive_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.sh3f").write_bytes(data)
    with pytest.raises(AimkitError, match="can't read the archive"):
        found({"path": str(tmp_path / "a.sh3f")})


def test_properties_are_read_as_java_reads_them() -> None:
    whole, rows = read_catalogue("a=1\n! b=2\nname#2 = x \\\n  y\nname#1:z\nname#1=second\n")
    assert whole == {"a": "1"}
    assert rows == [{"name": "z"}, {"name": "x y"}]


def test_poses_are_the_animations_of_a_folder_and_only_takes_what_it_names(tmp_path: Path) -> None:
    for name in ("m/ann.fbx", "m/bob.FBX", "m/cup.obj", "p/walk.fbx", "p/sub/sit.GLB", "p/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    table = {"path": str(tmp_path / "m"), "poses": str(tmp_path / "p"), "up": "z"}
    ann, bob, cup = found(table)
    assert [pose.name for pose in ann.poses] == ["sit.GLB", "walk.fbx"]
    assert (bob.poses, cup.poses, cup.up) == (ann.poses, ann.poses, "z")
    assert found({"path": str(tmp_path / "m")})[0].poses == ()
    assert [m.id for m in found({**table, "only": ["a*", "cup"], "exclude": ["cup"]})] == ["m/ann"]
    with pytest.raises(AimkitError, match="only = 'eve' matches no model"):
        found({**table, "only": ["eve"]})
    (tmp_path / "none").mkdir()
    with pytest.raises(AimkitError, match=r"no animations \(\.fbx, \.glb, \.gltf\)"):
        found({**table, "poses": str(tmp_path / "none")})
