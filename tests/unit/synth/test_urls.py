"""Datasets and sources behind URLs: the same samples, the same bytes, resumed and verified in the same way."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tiny_source import tiny, tree

from aimkit.datasets.inspect.verify import verify
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.remote import Remote
from aimkit.storage import Place, names, place
from aimkit.synth.merge import merge
from aimkit.synth.run import synthesize

FORMATS = ["folder", "parquet", "webdataset"]


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.slow)])
def remote(request: pytest.FixtureRequest) -> Remote:
    """An empty place behind a URL."""
    base = "memory://bucket" if request.param == "memory" else request.getfixturevalue("s3")
    found = place(f"{base}/{uuid.uuid4().hex}")
    assert isinstance(found, Remote)
    return found


def remote_tree(root: Place) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in names(root)}


def put(root: Remote, name: str, picture: np.ndarray, folder: Path) -> None:
    file = folder / uuid.uuid4().hex
    file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    root.upload({name: file})


@pytest.mark.parametrize("format_", FORMATS)
def test_a_dataset_at_a_url_has_the_bytes_of_a_local_one(format_: str, remote: Remote, tmp_path: Path) -> None:
    recipe = tiny(6, output={"format": format_, "planes": True})
    synthesize(recipe, tmp_path / "d")
    outcome = synthesize(recipe, remote)
    assert (outcome.out, outcome.missing) == (remote, 0)
    assert remote_tree(remote) == tree(tmp_path / "d")
    there, here = open_dataset(str(remote)), open_dataset(tmp_path / "d")
    assert [there.record(i) for i in (5, 0, 3)] == [here.record(i) for i in (5, 0, 3)]
    assert list(verify(there)) == []


def test_a_run_into_a_url_is_continued_and_refused_like_a_local_one(remote: Remote, tmp_path: Path) -> None:
    recipe = tiny(12)
    first = synthesize(recipe, remote, part=(1, 3))
    assert (first.written, first.missing) == (4, 2)
    assert not (remote / "README.md").exists()
    assert not open_dataset(remote).complete
    with pytest.raises(AimkitError, match="not empty") as caught:
        synthesize(recipe, remote)
    assert "--resume" in caught.value.hint
    with pytest.raises(AimkitError, match="seed: 0 in the dataset, 3 now"):
        synthesize(tiny(12, seed=3), remote, resume=True)
    assert synthesize(recipe, remote, resume=True).written == 8
    synthesize(recipe, tmp_path / "whole")
    assert remote_tree(remote) == tree(tmp_path / "whole")


def test_a_run_that_breaks_leaves_only_whole_shards_at_a_url(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = Remote.upload

    def fails_in_the_second_shard(self: Remote, files: Any) -> None:
        if any("000005" in name for name in files):
            raise AimkitError("the object store failed: ConnectionError", exit_code=1)
        upload(self, files)

    monkeypatch.setattr(Remote, "upload", fails_in_the_second_shard)
    with pytest.raises(AimkitError, match="the object store failed"):
        synthesize(tiny(12), remote)
    assert [sample.meta["index"] for sample in open_dataset(remote)] == [0, 1, 2, 3]
    monkeypatch.undo()
    synthesize(tiny(12), remote, resume=True)
    assert list(verify(open_dataset(remote))) == []


def test_verify_finds_what_is_missing_or_changed_at_a_url(remote: Remote, tmp_path: Path) -> None:
    synthesize(tiny(4), remote)
    (remote / "usr/000002.png").unlink()
    (tmp_path / "x").write_bytes((remote / "mask/000001.png").read_bytes())
    remote.upload({"mask/000000.png": tmp_path / "x", "notes.txt": tmp_path / "x"})
    found = list(verify(open_dataset(remote)))
    assert {"usr/000002.png: missing", "mask/000000.png: changed since it was written"} <= set(found)
    assert "notes.txt: does not belong to this dataset" in found


def test_sources_behind_urls_give_the_samples_of_the_folder(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aimkit.recipe import parse
    from aimkit.synth.engine import Synthesizer
    from aimkit.synth.recipe import SynthRecipe

    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    draw = np.random.default_rng(0)
    for folder, count, channels in (("bg", 3, 3), ("pairs/fg", 2, 3), ("pairs/alpha", 2, 1), ("cutouts", 2, 4)):
        for i in range(count):
            picture = draw.integers(0, 256, (24, 32, channels), np.uint8)
            put(remote, f"{folder}/sub/{i}.png", picture, tmp_path)
            (tmp_path / folder / "sub").mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / "sub" / f"{i}.png"), picture)

    def samples(root: str) -> Synthesizer:
        data = {
            "kind": "synth",
            "count": 8,
            "foregrounds": [
                {"source": "pairs", "path": f"{root}/pairs", "type": "SO"},
                {"source": "cutouts", "path": f"{root}/cutouts", "type": "STM", "premultiplied": False},
            ],
            "backgrounds": [{"source": "folder", "path": f"{root}/bg", "exclude": ["2"]}],
            "placement": {"mode": "canvas", "height": 24, "width": 32},
            "labels": {"kernel": 3},
        }
        return Synthesizer(parse(SynthRecipe, data, "test"))

    monkeypatch.setenv("ROOT", str(remote))
    there, here = samples("${ROOT}"), samples(str(tmp_path))
    for i in range(8):
        np.testing.assert_array_equal(there[i].image, here[i].image)
        assert there[i].meta["sources"] == here[i].meta["sources"]


def test_a_source_behind_a_url_that_is_not_there_is_told(remote: Remote) -> None:
    from aimkit.datasets.find import find_images

    with pytest.raises(AimkitError, match="folder not found"):
        find_images(remote / "nothing")


def test_training_reads_a_dataset_at_a_url(remote: Remote, tmp_path: Path) -> None:
    from aimkit.data.streams import DatasetStream

    for out in (remote, tmp_path / "d"):
        synthesize(tiny(6, output={"format": "webdataset"}), out)
    there, here = (DatasetStream(path=str(root)).open(1) for root in (remote, tmp_path / "d"))
    assert [there.sample(i).meta for i in range(8)] == [here.sample(i).meta for i in range(8)]


def test_parts_at_urls_and_in_folders_are_merged(remote: Remote, tmp_path: Path) -> None:
    recipe = tiny(12, output={"format": "parquet"})
    synthesize(recipe, remote / "a", part=(0, 2))
    synthesize(recipe, tmp_path / "b", part=(1, 2))
    synthesize(recipe, tmp_path / "whole")
    assert merge([remote / "a", tmp_path / "b"], remote / "all") == (3, 3)
    assert merge([tmp_path / "b", remote / "a"], tmp_path / "all") == (3, 3)
    assert remote_tree(remote / "all") == tree(tmp_path / "all") == tree(tmp_path / "whole")


def test_memory_is_refused_for_several_processes() -> None:
    with pytest.raises(AimkitError, match="one process only"):
        synthesize(tiny(4), place("memory://x/y"), workers=2)


@pytest.mark.slow
@pytest.mark.parametrize("format_", FORMATS)
def test_worker_processes_share_a_bucket(format_: str, s3: str, tmp_path: Path) -> None:
    out, recipe = place(f"{s3}/{uuid.uuid4().hex}"), tiny(12, output={"format": format_})
    synthesize(recipe, out, workers=2)
    synthesize(recipe, tmp_path / "d")
    assert remote_tree(out) == tree(tmp_path / "d")


@pytest.mark.slow
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_loader_processes_read_a_bucket(format_: str, start: str, s3: str) -> None:
    from torch.utils.data import DataLoader

    out = f"{s3}/{uuid.uuid4().hex}"
    synthesize(tiny(8, output={"format": format_}), place(out))
    dataset = open_dataset(out)
    first = dataset[0].meta  # connections of this process must not reach the others
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=start, collate_fn=_meta)
    found = list(loader)
    assert found[0] == first
    assert [meta["index"] for meta in found] == list(range(8))


def _meta(sample: Any) -> Any:
    return sample.meta
