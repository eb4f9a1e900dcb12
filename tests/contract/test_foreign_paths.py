"""Paths in what others wrote stay in their folder, whoever reads them: absolute ones, ``..`` and links are refused."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from small_run import recipe as make_recipe
from tiny_recipe import tiny_recipe

from aimkit import digests
from aimkit.cli import run
from aimkit.datasets.exclude import ExcludeList
from aimkit.datasets.huggingface import open_table
from aimkit.datasets.huggingface_files import check_own_files
from aimkit.datasets.reader import open_dataset
from aimkit.datasets.types_file import match, read_types
from aimkit.errors import AimkitError
from aimkit.evaluate.hub import open_table as open_evaluation
from aimkit.evaluate.results import read_results, write_results
from aimkit.evaluate.run import run as evaluate
from aimkit.evaluate.sets import open_predictions, open_set
from aimkit.imageio import encode_png, write_png
from aimkit.publish.check import check
from aimkit.storage import measure
from aimkit.synth.pool.index import read_index
from aimkit.train.loop import train
from aimkit.zoo import fetch, manifest

OUTSIDE = ["../secret", "/etc/hostname", "..\\secret", "link/secret", "a/../../secret", "C:secret", "\0", ""]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside a secret, with a link that leads out of it."""
    (tmp_path / "secret").write_bytes(b"a secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    return tmp_path / "in"


# Records of digests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_list_of_digests_reads_nothing_outside_its_folder(path: str, folder: Path) -> None:
    """Those of runs and checkpoints; the digest of the list itself is right, as an attacker would make it."""
    size, digest = measure(folder.parent / "secret")
    record = digests.with_digest({"files": {path: {"size": size, "sha256": digest}}})
    (folder / "state.json").write_text(json.dumps(record))
    with pytest.raises(AimkitError, match="the path"):
        digests.problems(folder / "state.json")


# The zoo ----------------------------------------------------------------------------------------------------------


def entry(folder: Path, **keys: Any) -> Path:
    row = {
        "id": "aimnet_resnet18.test",
        "architecture": "aimnet",
        "backbone": "resnet18",
        "stage": "matting",
        "format": "safetensors",
        "licence": "MIT",
        "data": [{"name": "X", "licence": "MIT"}],
    }
    file = folder / "own.toml"
    file.write_text(tomli_w.dumps({"checkpoint": [row | {"sources": ["file:w.safetensors"]} | keys]}))
    return file


@pytest.mark.parametrize("path", ["../secret", "..%2fsecret", "link/secret"])
def test_a_source_beside_a_manifest_stays_beside_it(
    path: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    (one,) = manifest.read(entry(folder, sources=[f"file:{path}"]))
    assert any("leaves its folder" in problem.what for problem in check([one]))
    with pytest.raises(AimkitError, match="leaves its folder"):
        fetch.pull(one, trust_first_use=True)
    assert not list((tmp_path / "home").rglob("*.safetensors"))


@pytest.mark.parametrize("path", OUTSIDE[:6])
def test_a_recipe_beside_a_manifest_stays_beside_it(path: str, folder: Path) -> None:
    (folder / "w.safetensors").write_bytes(b"x")
    (one,) = manifest.read(entry(folder, recipe=path))
    assert [problem.where.endswith("recipe") for problem in check([one])] == [True]


def test_a_pipe_beside_a_manifest_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMKIT_HOME", str(folder.parent / "home"))
    os.mkfifo(folder / "w.safetensors")
    (one,) = manifest.read(entry(folder, sha256="0" * 64, bytes=4))
    with pytest.raises(AimkitError, match="not a regular file"):
        fetch.pull(one)


# Tars -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tar_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tar")
    assert run(["synth", str(tiny_recipe(out, "webdataset")), "-o", str(out / "data"), "--workers", "1"]) == 0
    return out / "data"


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, "/etc/passwd", size
    return info.tobuf(tarfile.GNU_FORMAT)


HOSTILE = {
    "absolute": member("/etc/x.image.png"),
    "climbing": member("../000000.image.png"),
    "folder in a field": member("000000.image/../../x.png"),
    "symbolic link": member("000000.image.png", tarfile.SYMTYPE),
    "hard link": member("000000.image.png", tarfile.LNKTYPE),
    "device": member("000000.image.png", tarfile.CHRTYPE),
    "pipe": member("000000.image.png", tarfile.FIFOTYPE),
    "huge": member("000000.image.png", size=1 << 60),
    "negative": member("000000.image.png", size=-512),
}


def write_hostile(data: Path, header: bytes) -> None:
    """Put a header in place of the first sample's first, and mend the record as an attacker would."""
    tar = next((data / "data").glob("*.tar"))
    content = header + tar.read_bytes()[512:]
    tar.write_bytes(content)
    sidecar = data / "shards" / "00000.json"
    record = json.loads(sidecar.read_text())
    size, digest = measure(tar)
    record["files"][0] |= {"size": size, "sha256": digest}
    sidecar.write_text(json.dumps(record))


@pytest.fixture
def tar_copy(tar_dataset: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tar_dataset, tmp_path / "data")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_member_that_no_sample_has_is_refused_by_name(kind: str, tar_copy: Path) -> None:
    write_hostile(tar_copy, HOSTILE[kind])
    dataset = open_dataset(tar_copy)
    with pytest.raises(AimkitError, match=r"sample 0 can't be read: the member") as caught:
        dataset[0]
    assert caught.value.where.endswith(".tar")
    assert dataset[1].image.shape == (24, 24, 3)


@pytest.mark.parametrize("kind", ["symbolic link", "negative"])
def test_training_one_step_on_a_hostile_tar_is_an_error(kind: str, tar_copy: Path, tmp_path: Path) -> None:
    write_hostile(tar_copy, HOSTILE[kind])
    make: Callable[..., Any] = make_recipe.__wrapped__()  # type: ignore[attr-defined]
    stream = {"source": "written", "path": str(tar_copy)}
    data = {"workers": 0, "train": stream, "transform": {"transform": "crop", "size": 64, "crops": [64]}}
    with pytest.raises(AimkitError, match="the member"):
        train(make(steps=1, data=data), tmp_path / "run")
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize(
    "offsets", [None, "ab", [0], [0, 0, 0], [5, 3, 9], [0, 1 << 62, 1 << 63], [-4, 2, 9], [0, 1.5, 9]]
)
def test_offsets_that_can_not_be_are_refused(offsets: Any, tar_copy: Path) -> None:
    sidecar = tar_copy / "shards" / "00000.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"offsets": offsets}))
    with pytest.raises(AimkitError, match="sample 1 can't be read"):
        open_dataset(tar_copy)[1]


@pytest.mark.parametrize(
    ("key", "value"), [("count", 10**18), ("count", -1), ("count", True), ("shard_size", 0), ("shard_size", "a")]
)
def test_a_record_of_a_dataset_that_can_not_be_is_refused_before_its_shards_are_listed(
    key: str, value: Any, tar_copy: Path
) -> None:
    lock = tar_copy / "recipe.lock.toml"
    table = tomllib.loads(lock.read_text())
    (table if key == "count" else table["output"])[key] = value
    lock.write_text(tomli_w.dumps(table))
    with pytest.raises(AimkitError, match=r"count or output\.shard_size is not a possible"):
        open_dataset(tar_copy)


# Hugging Face datasets --------------------------------------------------------------------------------------------


@pytest.fixture
def rows(folder: Path) -> Path:
    """A dataset in ``folder``, and the same rows in a file beside it."""
    import datasets

    picture = encode_png(np.zeros((8, 8, 3), np.uint8))
    columns = {"image": [picture], "alpha": [encode_png(np.zeros((8, 8), np.uint8))], "type": ["SO"], "category": ["x"]}
    table = datasets.Dataset.from_dict(columns)
    table.to_parquet(folder.parent / "secret.parquet")
    table.to_parquet(folder / "rows.parquet")
    table.save_to_disk(folder / "saved")
    return folder


@pytest.mark.parametrize(
    "path", ["../secret.parquet", "/etc/hostname", "a/../../secret.parquet", "https://h/x", "zip://x::hf://h", "~/x"]
)
@pytest.mark.parametrize("open_it", [open_table, lambda name: open_evaluation(name, "")])
def test_a_card_of_a_dataset_names_only_its_own_files(path: str, open_it: Callable[[str], Any], rows: Path) -> None:
    shutil.rmtree(rows / "saved")
    (rows / "link").unlink()
    card = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: ['{}']\n---\n"
    (rows / "README.md").write_text(card.format("rows.parquet"))
    assert len(open_it(str(rows))[0]) == 1
    (rows / "README.md").write_text(card.format(path))
    with pytest.raises(AimkitError, match="outside of its dataset"):
        open_it(str(rows))


@pytest.mark.parametrize("path", ["../../secret.parquet", "/etc/hostname", 5])
def test_the_index_of_a_saved_dataset_names_only_its_own_files(path: Any, rows: Path) -> None:
    assert len(open_table(str(rows / "saved"))[0]) == 1
    state = rows / "saved" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"_data_files": [{"filename": path}]}))
    with pytest.raises(AimkitError, match="the path"):
        open_table(str(rows / "saved"))
    (rows / "dataset_dict.json").write_text(json.dumps({"splits": ["../saved"]}))
    with pytest.raises(AimkitError, match="leaves its folder"):
        open_table(str(rows))


@pytest.mark.parametrize("text", ["---\n- [\n---\n", "---\n5\n---\n", "---\na: !!python/name:os.system\n---\n"])
def test_a_damaged_card_of_a_dataset_is_one_error(text: str, folder: Path) -> None:
    (folder / "README.md").write_text(text)
    with pytest.raises(AimkitError, match="the card of the dataset is damaged"):
        open_table(str(folder))


def test_a_card_that_multiplies_itself_is_read_once(folder: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    lines = ["a0: &a0 ['../x']", *levels, "configs:", "- data_files: *a29"]
    (folder / "README.md").write_text("---\n" + "\n".join(lines) + "\n---\n")
    with pytest.raises(AimkitError, match="outside of its dataset"):
        check_own_files(folder)


def test_a_cell_of_an_evaluated_dataset_reads_nothing_else(folder: Path) -> None:
    import datasets

    secret = folder.parent / "secret.png"
    write_png(secret, np.zeros((8, 8, 3), np.uint8))
    cell = {"bytes": None, "path": str(secret)}
    columns = {"image": [cell], "alpha": [cell], "type": ["SO"], "category": ["x"]}
    datasets.Dataset.from_dict(columns).to_parquet(folder / "rows.parquet")
    found = open_set(f"hf:{folder}")
    with pytest.raises(AimkitError, match="not the dataset's"):
        found.read(found.entries[0])


# Pools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["../secret", "/etc/hostname", -1, None, True, 1.5])
def test_the_index_of_a_pool_names_only_files_of_the_pool(number: Any, folder: Path) -> None:
    picture = {"key": "k", "shard": number, "offset": 0, "height": 1, "width": 1, "matte": "", "digest": "0" * 64}
    item = {"role": "background", "id": "a", "source": "s", "content": "c", "picture": "k"}
    index = {
        "kind": "aimkit pool",
        "version": 1,
        "aimkit": "1",
        "shards": [{"file": str(number), "number": number, "bytes": 8}],
        "pictures": [picture | {"box": None, "contact": [False] * 4}],
        "items": [item],
    }
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(AimkitError, match=r"damaged|missing"):
        read_index(folder)


# Lists and results ------------------------------------------------------------------------------------------------


def test_names_in_lists_are_compared_and_never_opened(folder: Path) -> None:
    rows = {"../secret": "SO", "/etc/hostname": "NS", "a": "STM"}
    (folder / "types.json").write_text(json.dumps(rows))
    assert set(match(["a"], read_types(folder / "types.json")).typed) == {"a"}
    excluded = ExcludeList(["../secret", "/etc/hostname", "link/secret", "a"])
    assert excluded.select([("a.png", "a")], folder) == {"a.png"}
    assert excluded.unmatched() == ["../secret", "/etc/hostname", "link/secret"]


def test_ids_in_a_journal_of_an_evaluation_lead_nowhere(folder: Path) -> None:
    for name in ("pred", "mask"):
        write_png(folder / name / "a.png", np.full((8, 8), 255, np.uint8))
    (folder / "images.jsonl").write_text("".join(json.dumps({"id": path, "key": None}) + "\n" for path in OUTSIDE))
    before = sorted(folder.parent.rglob("*"))
    result = evaluate(open_predictions(str(folder / "pred"), str(folder / "mask")), journal=folder / "images.jsonl")
    assert [row["id"] for row in result["images"]] == ["a"]
    assert sorted(folder.parent.rglob("*")) == before


def test_ids_in_the_results_of_an_evaluation_lead_nowhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a file whose digest an attacker has mended."""
    for name in ("pred", "mask"):
        write_png(folder / name / "a.png", np.full((8, 8), 255, np.uint8))
    words = ["evaluate", "--predictions", str(folder / "pred"), "--truth", str(folder / "mask")]
    assert run([*words, "-o", str(folder / "out"), "--no-report"]) == 0
    file = folder / "out" / "results.json"
    content = json.loads(file.read_text())
    for path in OUTSIDE:
        content["images"][0]["id"] = content["model"]["title"] = path
        file.write_text(json.dumps(digests.with_digest(content)))
        before = sorted(folder.parent.rglob("*"))
        assert run(["evaluate", "compare", str(file), str(file)]) == 0
        assert "a secret" not in "".join(capsys.readouterr())
        assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("images", value) for value in (5, [5], [{}], [{"id": []}], [{"id": "a", "sad": "x"}])),
        *(("averages", value) for value in ([], {"types": 5})),
        *(("protocol", value) for value in ([], {"text": 5, "prediction": 5})),
        *(("notes", 5), ("model", 5)),
    ],
)
def test_results_that_can_not_be_are_one_error(key: str, value: Any, folder: Path) -> None:
    for name in ("pred", "mask"):
        write_png(folder / name / "a.png", np.full((8, 8), 255, np.uint8))
    result = evaluate(open_predictions(str(folder / "pred"), str(folder / "mask")))
    write_results(folder / "out", result)
    assert read_results(folder / "out")["notes"] == result["notes"]
    content = json.loads((folder / "out" / "results.json").read_text())
    (folder / "out" / "results.json").write_text(json.dumps(digests.with_digest({**content, key: value})))
    with pytest.raises(AimkitError, match="the results file is damaged"):
        read_results(folder / "out")
