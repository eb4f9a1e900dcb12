"""Building pools: whole or not there, added to, continued, checked."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_source import tree

from aimkit.errors import AimkitError
from aimkit.folder_lock import LockHolder
from aimkit.imageio import write_png
from aimkit.recipe import parse
from aimkit.synth.engine import Synthesizer
from aimkit.synth.pool.build import build
from aimkit.synth.pool.check import facts, verify
from aimkit.synth.pool.index import VERSION, pool_folder, read_index
from aimkit.synth.pool.ingest import Sources, ingest, kind_of, sources_of

SLOW = """
import sys, time
from pathlib import Path
from aimkit.recipe import parse
from aimkit.synth.pool import ingest as module
from aimkit.synth.pool.build import build

quick = module.Ingest.make

def slow(self, key):
    time.sleep(0.05)
    return quick(self, key)

module.Ingest.make = slow
if __name__ == "__main__":
    build(module.ingest(parse(module.Sources, {tables!r}, "test")), Path({pool!r}), workers=2, size=2)
"""


def test_workers_do_not_show(images: Path, tmp_path: Path, pools: Any) -> None:
    for workers in (0, 2):
        pools.pack(pools.tables(images), tmp_path / str(workers), workers=workers, size=3)
    assert tree(tmp_path / "0") == tree(tmp_path / "2")
    assert len(list((tmp_path / "0").glob("pixels-*.bin"))) == 6


def test_a_killed_build_leaves_no_pool_and_is_continued_to_the_same_bytes(
    images: Path, tmp_path: Path, pools: Any
) -> None:
    data, pool = pools.tables(images), tmp_path / "pool"
    script = tmp_path / "slow.py"
    script.write_text(SLOW.format(tables=data, pool=str(pool)))
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, start_new_session=True)
    end = time.monotonic() + 60
    while len(list(pool.glob("pixels-*.json"))) < 2:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    process.kill()
    process.communicate()
    with pytest.raises(AimkitError, match="not finished"):
        read_index(pool)
    made = {path.name: path.stat().st_mtime_ns for path in pool.glob("pixels-*.bin")}
    assert len(made) >= 2
    # Killed while it wrote one of the small files, too.
    for name in (".pixels-00002.17-5ab0c3d2.json", ".pixels-00003.17-0f00c3d2.bin", ".index.17-5ab0c3d2.json"):
        (pool / name).write_bytes(b"half")
    pools.pack(data, pool, size=2)
    pools.pack(data, tmp_path / "whole", size=2)
    assert tree(pool) == tree(tmp_path / "whole")
    again = {path.name: path.stat().st_mtime_ns for path in pool.glob("pixels-*.bin")}
    finished = [name for name, stamp in made.items() if again[name] == stamp]
    assert len(finished) >= 2, "finished files were not made again"


def test_what_is_new_is_added_and_then_the_pool_is_that_of_all(tmp_path: Path, pools: Any) -> None:
    data, pool = pools.tables(tmp_path / "images"), tmp_path / "pool"
    pools.write_images(tmp_path / "images", range(1, 4))
    assert pools.pack(data, pool).added == 12
    before = {path.name: path.read_bytes() for path in pool.glob("*.bin")}
    pools.write_images(tmp_path / "images", range(6))
    with pytest.raises(AimkitError, match="already holds a pool"):
        pools.pack(data, pool)
    outcome = pools.pack(data, pool, append=True)
    assert (outcome.added, outcome.replaced, outcome.known) == (12, 0, 12)
    assert {name: (pool / name).read_bytes() for name in before} == before, "files that were there stay as they are"
    for index in range(6):
        folders, packed = (Synthesizer(pools.recipe(d)).sample(index) for d in (data, pools.pooled(data, pool)))
        assert np.array_equal(folders.image, packed.image)
        assert folders.meta["sources"] == packed.meta["sources"]
    outcome = pools.pack(data, pool, append=True)
    assert (outcome.added, outcome.known) == (0, 24)


def test_adding_with_another_version_of_aimkit_is_told(
    images: Path, tmp_path: Path, pools: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pool/index.json"
    pools.pack(pools.tables(images), tmp_path / "pool")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"aimkit": "0.0.1"}))
    pools.pack(pools.tables(images), tmp_path / "pool", append=True)
    assert "begun with aimkit 0.0.1" in capsys.readouterr().err
    assert read_index(tmp_path / "pool").made_with == "0.0.1"


def test_a_build_that_was_killed_after_its_index_is_found_complete(
    images: Path, tmp_path: Path, pools: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data, pool = pools.tables(images), tmp_path / "pool"
    pools.pack(data, pool)
    before = tree(pool)
    outcome = pools.pack(data, pool)
    assert (outcome.added, outcome.known) == (0, 16)
    assert "already complete" in capsys.readouterr().err
    assert tree(pool) == before


def test_unfinished_files_of_others_are_left_alone(tmp_path: Path, images: Path, pools: Any) -> None:
    theirs = tmp_path / "notes/.draft.part"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    with pytest.raises(AimkitError, match="holds other files"):
        pools.pack(pools.tables(images), theirs.parent)
    assert theirs.read_text() == "mine"


def test_a_picture_under_two_names_is_stored_once(images: Path, tmp_path: Path, pools: Any) -> None:
    shutil.copy(images / "backgrounds/0.png", images / "backgrounds/copy.png")
    pools.pack(pools.tables(images), tmp_path / "pool")
    index = read_index(tmp_path / "pool")
    assert (len(index.entries), len(index.pictures)) == (17, 16)


def test_other_pictures_of_the_same_name_take_their_place_only_when_asked(
    images: Path, tmp_path: Path, pools: Any
) -> None:
    data, pool = pools.tables(images), tmp_path / "pool"
    pools.pack(data, pool)
    write_png(images / "backgrounds/2.png", pools.planes(9)[0])
    with pytest.raises(AimkitError, match="other pictures for 1 items of the same names: noise/2") as error:
        pools.pack(data, pool, append=True)
    assert "--replace" in error.value.hint
    outcome = pools.pack(data, pool, append=True, replace=True)
    assert (outcome.added, outcome.replaced, outcome.known) == (0, 1, 15)
    index = read_index(pool)
    assert (len(index.entries), len(index.pictures)) == (16, 16)
    assert facts(pool, index)["unused bytes"] > 0
    assert not list(verify(pool))
    # The same originals, finished in another way, are other pictures too.
    data["foregrounds"][0]["max_side"] = 32
    with pytest.raises(AimkitError, match="4 items of the same names: pairs/0, pairs/1, pairs/2"):
        pools.pack(data, pool, append=True)


def test_metadata_is_brought_up_to_date(images: Path, tmp_path: Path, pools: Any) -> None:
    pools.pack(pools.tables(images), tmp_path / "pool")
    outcome = pools.pack(pools.tables(images, licence="MIT"), tmp_path / "pool", append=True)
    assert (outcome.added, outcome.replaced, outcome.known) == (0, 0, 16)
    licences = {entry.item.licence for entry in read_index(tmp_path / "pool").of("foreground")}
    assert licences == {"MIT"}


def test_what_can_not_be_read_is_left_out_and_told(images: Path, tmp_path: Path, pools: Any) -> None:
    what = ingest(parse(Sources, pools.tables(images), "test"))
    (images / "cutouts/2.png").write_bytes(b"\x89PNG")
    outcome = build(what, tmp_path / "pool")
    assert [name for name, _ in outcome.failed] == ["cutouts/2"]
    assert outcome.added == 15
    shutil.rmtree(images)
    with pytest.raises(AimkitError, match="none of the pictures"):
        build(what, tmp_path / "other")


def test_drawn_sources_are_packed_when_a_number_is_given(tmp_path: Path, pools: Any) -> None:
    data = {
        "foregrounds": [{"source": "procedural", "generators": ["mesh", "fog"], "variants": 3}],
        "backgrounds": [{"source": "procedural", "generators": ["gradient"]}],
    }
    with pytest.raises(AimkitError, match="draws its foregrounds") as error:
        pools.pack(data, tmp_path / "pool")
    assert "--drawn" in error.value.hint
    assert pools.pack(data, tmp_path / "pool", drawn=2).added == 6
    outcome = pools.pack(data, tmp_path / "pool", drawn=3, append=True)
    assert (outcome.added, outcome.known) == (3, 6)
    pools.pack(data, tmp_path / "again", drawn=3)
    one, other = (read_index(tmp_path / name) for name in ("pool", "again"))
    assert {key: p.digest for key, p in one.pictures.items()} == {key: p.digest for key, p in other.pictures.items()}
    assert len({p.digest for p in one.pictures.values()}) == 9, "no two are the same"
    entries = {entry.item.id: entry.item for entry in one.of("foreground")}
    assert sorted(entries) == ["fog/0", "fog/1", "fog/2", "mesh/0", "mesh/1", "mesh/2"]
    assert (entries["fog/0"].type, entries["fog/0"].licence) == ("NS", "generated")
    sample = Synthesizer(pools.recipe(pools.pooled(data, tmp_path / "pool"))).sample(0)
    assert sample.meta["composition_valid"]


def test_sources_of_one_name_are_refused(images: Path, tmp_path: Path, pools: Any) -> None:
    data = pools.tables(images)
    data["foregrounds"].append({"source": "pairs", "path": str(images / "photos")})
    with pytest.raises(AimkitError, match="two foreground sources are named 'pairs'") as error:
        pools.pack(data, tmp_path / "pool")
    assert "foregrounds.3.name=" in error.value.hint


def damage_version(pool: Path) -> None:
    data = json.loads((pool / "index.json").read_text())
    (pool / "index.json").write_text(json.dumps(data | {"version": VERSION + 1}))


def damage_table(pool: Path) -> None:
    data = json.loads((pool / "index.json").read_text())
    (pool / "index.json").write_text(json.dumps(data | {"pictures": data["pictures"][1:]}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda pool: os.truncate(pool / "pixels-00000.bin", 1000), "1000 bytes instead of"),
        (lambda pool: (pool / "pixels-00000.bin").unlink(), "is missing"),
        (lambda pool: (pool / "index.json").write_text('{"kind"'), "the pool index is damaged"),
        (lambda pool: (pool / "index.json").write_text("[]"), "it holds a list instead of an object"),
        (lambda pool: (pool / "index.json").unlink(), "not finished"),
        (lambda pool: shutil.rmtree(pool), "pool not found"),
        (damage_version, f"version {VERSION + 1}, this aimkit reads version {VERSION}"),
        (damage_table, "damaged: 1 pictures are not in it"),
    ],
)
def test_a_damaged_pool_is_told_when_it_is_opened(
    damage: Any, message: str, images: Path, tmp_path: Path, pools: Any
) -> None:
    data, pool = pools.tables(images), tmp_path / "pool"
    pools.pack(data, pool)
    damage(pool)
    with pytest.raises(AimkitError, match=message) as error:
        Synthesizer(pools.recipe(pools.pooled(data, pool)))
    assert error.value.hint


def test_a_changed_byte_is_found_and_named(images: Path, tmp_path: Path, pools: Any) -> None:
    pool = tmp_path / "pool"
    pools.pack(pools.tables(images), pool)
    assert not list(verify(pool))
    entry = read_index(pool).of("foreground")[5]
    stored = read_index(pool).pictures[entry.picture]
    path = pool / f"pixels-{stored.shard:05d}.bin"
    content = bytearray(path.read_bytes())
    content[stored.offset + stored.nbytes - 1] ^= 1
    path.write_bytes(content)
    (problem,) = verify(pool)
    assert "foreground/cutouts/1" in problem


def test_a_changed_item_of_the_index_is_found(images: Path, tmp_path: Path, pools: Any) -> None:
    pool = tmp_path / "pool"
    pools.pack(pools.tables(images, licence="MIT"), pool)
    path = pool / "index.json"
    path.write_text(path.read_text().replace('"licence": "MIT"', '"licence": "MIU"', 1))
    assert list(verify(pool)) == ["index.json: changed since it was written"]


def test_other_folders_and_other_builds_are_left_alone(images: Path, tmp_path: Path, pools: Any) -> None:
    data = pools.tables(images)
    with pytest.raises(AimkitError, match="holds other files"):
        pools.pack(data, images)
    (tmp_path / "pool").mkdir()
    other = LockHolder("pool build", os.getppid(), platform.node(), "", "2026-01-01T00:00:00+0000", "aimkit")
    (tmp_path / "pool/.aimkit.lock").write_text(json.dumps(asdict(other)))
    with pytest.raises(AimkitError, match=f"another process is writing .*: pool build, process {os.getppid()}"):
        pools.pack(data, tmp_path / "pool")
    (tmp_path / "file").write_text("x")
    with pytest.raises(AimkitError, match="on a local disk"):
        pool_folder("memory://pool")
    with pytest.raises(AimkitError, match="must be a folder"):
        pools.pack(data, tmp_path / "file")


@pytest.fixture
def plain(images: Path) -> Path:
    write_png(images / "mixed/a.png", np.zeros((8, 8, 3), np.uint8))
    write_png(images / "mixed/b.png", np.zeros((8, 8, 4), np.uint8))
    (images / "none").mkdir()
    return images


def test_the_kind_of_a_folder_is_seen(plain: Path) -> None:
    kinds = {name: kind_of(plain / name) for name in ("pairs", "photos", "cutouts", "backgrounds")}
    assert kinds == {"pairs": "pairs", "photos": "photos", "cutouts": "cutouts", "backgrounds": "folder"}
    with pytest.raises(AimkitError, match="1 of 2 images have an alpha channel"):
        kind_of(plain / "mixed")
    with pytest.raises(AimkitError, match="no images"):
        kind_of(plain / "none")


def test_arguments_name_a_recipe_or_folders(plain: Path) -> None:
    folders = [str(plain / name) for name in ("cutouts", "backgrounds")]
    found = sources_of([*folders, "licence=MIT"])
    assert [(b.source, b.title, b.licence) for b in found.foregrounds] == [("cutouts", "cutouts", "MIT")]
    assert [(b.source, b.title, b.licence) for b in found.backgrounds] == [("folder", "backgrounds", "MIT")]
    assert sources_of([str(plain / "mixed"), "source=folder"]).backgrounds[0].source == "folder"
    assert sources_of(["demo", "seed=8"]).seed == 8
    for words, message in [
        ([*folders, "demo"], "one recipe, or folders"),
        (["licence=MIT"], "missing argument RECIPE"),
        (["natura"], "unknown recipe"),
        ([folders[0], "licens=MIT"], "unknown key"),
        ([folders[0], "source=cutout"], "unknown source 'cutout'"),
    ]:
        with pytest.raises(AimkitError, match=message):
            sources_of(words)
