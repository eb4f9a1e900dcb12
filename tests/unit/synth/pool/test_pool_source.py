"""A pool as a source: the same samples as the folders that it came from."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.recipe import named
from aimkit.synth.engine import Synthesizer
from aimkit.synth.pool.build import build
from aimkit.synth.pool.index import PoolEntry
from aimkit.synth.pool.ingest import Ingest, Task
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.source import Item, background_sources, foreground_sources
from aimkit.synth.view import View
from aimkit.types import Sample

linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="looks at memory through /proc")


def source(ground: str = "foreground", /, **table: Any) -> Any:
    registry: Any = foreground_sources if ground == "foreground" else background_sources
    return registry.create(table["source"], named(registry, "source")(table))


def same(one: Sample, other: Sample) -> None:
    for name in ("image", "alpha", "trimap", "label", "foreground", "background"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert (one.type, one.category) == (other.type, other.category)
    assert {**one.meta, "recipe": ""} == {**other.meta, "recipe": ""}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"selection": "enumerate", "count": 24},
        {"placement": {"mode": "stretch"}},
        {"placement": {"mode": "canvas", "height": 90, "width": 70, "kernels": ["cubic", "nearest"], "layers": [0, 1]}},
        {"steps": [{"step": "motion_blur"}, {"step": "match_histogram"}, {"step": "defocus"}]},
        {"distractors": {"p": 1, "count": 3}, "focus": {"p": 1, "radius": [20, 60], "missed": 0.3}},
    ],
)
def test_a_pool_gives_the_samples_of_the_folders_it_came_from(
    keys: dict[str, Any], images: Path, tmp_path: Path, pools: Any
) -> None:
    data = pools.tables(images)
    pools.pack(data, tmp_path / "pool")
    folders = Synthesizer(pools.recipe(data, **keys))
    pool = Synthesizer(pools.recipe(pools.pooled(data, tmp_path / "pool"), **keys))
    seen = set()
    for index in range(12):
        sample = folders.sample(index)
        same(sample, pool.sample(index))
        seen.add(sample.meta["sources"][0]["source"])
        for choose in (
            lambda canvas, _: View(canvas, (32, 40), (9, 7)),
            lambda canvas, _: View(canvas, (24, 20), (3, 4), 0.4),
        ):
            same(folders.window(index, choose), pool.window(index, choose))
    assert seen == {"pairs", "cutouts", "photos"}
    known = next(row for row in pool.sample(0).meta["sources"] if row["role"] == "background")
    assert known["source"] == "noise"
    assert len(known["digest"]) == 64


def test_every_level_is_stored_as_the_source_gives_it(images: Path, tmp_path: Path, pools: Any) -> None:
    data = pools.tables(images)
    pools.pack(data, tmp_path / "pool")
    for table, packed in zip(data["foregrounds"], pools.pooled(data, tmp_path / "pool")["foregrounds"], strict=True):
        folder, pool = source(**table), source(**packed)
        assert list(pool.items) == list(folder.items)
        for position in range(len(folder.items)):
            original, stored = folder.picture(position), pool.picture(position)
            assert stored.size == original.size
            assert stored.outline == original.outline
            for level in range(12):
                for one, other in zip(stored.level(level), original.level(level), strict=True):
                    assert one.dtype == other.dtype
                    assert np.array_equal(one, other)
                    assert not one.flags.writeable
                    assert one.ctypes.data % 64 == 0
                    assert one.base is not None
    mattes = [source(**pools.pooled(data, tmp_path / "pool")["foregrounds"][0]).picture(n).level(0)[1] for n in (0, 1)]
    assert [str(matte.dtype) for matte in mattes] == ["uint8", "float32"]


def test_a_pool_is_divided_as_its_folders_are(tmp_path: Path, pools: Any) -> None:
    images = pools.write_images(tmp_path / "images", range(9))
    data = pools.tables(images)
    pools.pack(data, tmp_path / "pool")
    for role in ("foregrounds", "backgrounds"):
        for part in ("train", "val"):
            for table, packed in zip(data[role], pools.pooled(data, tmp_path / "pool")[role], strict=True):
                keys = {"split": part, "val_share": 0.4}
                expected = source(role[:-1], **table, **keys).items
                assert 0 < len(expected) < 9
                assert list(source(role[:-1], **packed, **keys).items) == list(expected)
                first = source(role[:-1], **table, **keys, first=1).items
                assert len(first) == 1
                assert list(source(role[:-1], **packed, **keys, first=1).items) == list(first)


def test_types_and_sources_are_chosen(images: Path, tmp_path: Path, pools: Any) -> None:
    pools.pack(pools.tables(images), tmp_path / "pool")
    table = {"source": "pool", "path": str(tmp_path / "pool")}
    assert {item.source for item in source(**table).items} == {"pairs", "cutouts", "photos"}
    assert {item.source for item in source(**table, type="STM").items} == {"cutouts"}
    named_ones = source(**table, sources=["photos"], licence="MIT", origin="here", category="x").items
    assert {(i.source, i.licence, i.origin, i.category) for i in named_ones} == {("photos", "MIT", "here", "x")}
    kept = source(**table, sources=["pairs"], licence="MIT", category="x").items
    assert {(i.licence, i.origin, i.category) for i in kept} == {("CC0-1.0", "a test", "disc")}
    with pytest.raises(AimkitError, match="no foreground source 'photo'") as error:
        source(**table, sources=["photo"])
    assert "'photos'" in error.value.hint
    with pytest.raises(AimkitError, match="no foreground of the pool") as error:
        source(**table, type="NS")
    assert "cutouts (STM)" in error.value.hint


def test_a_pool_source_is_pickled_without_its_pixels(images: Path, tmp_path: Path, pools: Any) -> None:
    pools.pack(pools.tables(images), tmp_path / "pool")
    one = source(source="pool", path=str(tmp_path / "pool"))
    before = one.load(0, (8, 8), np.random.default_rng(0))
    data = pickle.dumps(one)
    assert len(data) < 20_000
    assert np.array_equal(pickle.loads(data).load(0, (8, 8), np.random.default_rng(0)).color, before.color)


class Large:
    """A source of large pictures."""

    def picture(self, position: int) -> ImagePyramid:
        return ImagePyramid(np.full((2000, 2000, 3), 50 * position, np.uint8))


def _memory() -> dict[str, int]:
    """Bytes of this process: its own pages, those of mapped files, and its share of all."""
    found = {}
    for file in ("/proc/self/status", "/proc/self/smaps_rollup"):
        for line in Path(file).read_text().splitlines():
            if line.startswith(("RssAnon:", "RssFile:", "Pss_File:")):
                found[line.split(":")[0]] = 1024 * int(line.split()[1])
    return found


def _read_all(table: dict[str, Any], both: Any, answers: Any) -> None:
    one = source("background", **table)
    before = _memory()
    total = sum(int(one.picture(n).level(0)[0].max()) for n in range(len(one.items)))
    both.wait()  # now both processes have the pool mapped
    after = _memory()
    both.wait()
    answers.put((total, {name: after[name] - before[name] for name in after}))


@linux
def test_processes_share_one_copy_of_the_pool(tmp_path: Path) -> None:
    entries = [PoolEntry("background", Item(str(n), "large"), str(n), str(n)) for n in range(4)]
    tasks = {str(n): Task(0, n) for n in range(4)}
    build(Ingest(entries, tasks, [("background", Large())], (0, 0)), tmp_path / "pool")
    size = 4 * 2000 * 2000 * 3
    context = multiprocessing.get_context("spawn")
    both, answers = context.Barrier(2, timeout=60), context.Queue()
    own = {"source": "pool", "path": str(tmp_path / "pool")}
    workers = [context.Process(target=_read_all, args=(own, both, answers)) for _ in range(2)]
    for worker in workers:
        worker.start()
    grown = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    for total, memory in grown:
        assert total == 50 + 100 + 150
        assert memory["RssFile"] > 0.95 * size, "the pixels were looked at"
        assert memory["RssAnon"] < 0.1 * size, "nothing was copied"
        assert memory["Pss_File"] < 0.6 * size, "each process counts for half of the pages"
