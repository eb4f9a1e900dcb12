"""Datasets are published with a card, continue where a push stopped, and are read back as they were."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_source import tiny

from aimkit.cli import run
from aimkit.datasets.inspect.card import card
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.publish import hub
from aimkit.publish.dataset import push_dataset
from aimkit.synth.run import synthesize


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    recipe = tiny(5)
    output = recipe.output.model_copy(update={"format": "parquet", "shard_size": 2})
    synthesize(recipe.model_copy(update={"output": output}), tmp_path / "d")
    return tmp_path / "d"


def _front(text: bytes | str) -> dict[str, Any]:
    text = text if isinstance(text, str) else text.decode()
    found: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return found


def test_a_pushed_dataset_is_the_folder_with_licences_and_sizes_in_its_card(dataset: Path, fake_hub: Any) -> None:
    assert push_dataset(str(dataset), "org/set", private=True) == "hf:org/set"
    repo = fake_hub.repos["datasets/org/set"]
    local = {str(p.relative_to(dataset)): p.read_bytes() for p in dataset.rglob("*") if p.is_file()}
    assert repo.private
    assert {k: v for k, v in repo.files.items() if k != "README.md"} == {
        k: v for k, v in local.items() if k != "README.md"
    }
    front, before = _front(repo.files["README.md"]), _front(local["README.md"])
    sizes = front.pop("dataset_info")
    assert front == before
    assert front["license"] == ["cc0-1.0"]
    assert sizes["splits"][0]["num_examples"] == 5
    assert sizes["download_size"] == sum(map(len, repo.files.values())) - sum(
        len(repo.files[name]) for name in ("README.md", "recipe.lock.toml")
    )
    assert repo.commits[-1] == ["recipe.lock.toml", "README.md"]


def test_a_push_that_was_refused_continues_with_what_is_missing(
    dataset: Path, fake_hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "FILES", 2)
    fake_hub.refuse_after = 2
    with pytest.raises(AimkitError, match="the hub refused"):
        push_dataset(str(dataset), "org/set")
    repo = fake_hub.repos["datasets/org/set"]
    first = set(repo.files)
    assert len(first) == 4
    assert "README.md" not in first
    fake_hub.refuse_after = None
    push_dataset(str(dataset), "org/set")
    again = [name for commit in repo.commits[2:] for name in commit]
    assert not first & set(again)
    assert set(repo.files) == first | set(again)
    # A file that differs is sent again.
    sidecar = dataset / "shards" / "00000.json"
    repo.files["shards/00000.json"] = b"{}"
    push_dataset(str(dataset), "org/set")
    assert repo.files["shards/00000.json"] == sidecar.read_bytes()


def test_a_card_without_known_licences_names_none(dataset: Path) -> None:
    opened = open_dataset(dataset)
    sidecars = [dict(sidecar) for sidecar in opened.sidecars()]
    sidecars[0]["sources"] = {"foreground": {"x": {"": {"o": 1}}}}
    opened.sidecars = lambda: iter(sidecars)  # type: ignore[method-assign]
    assert "license" not in _front(card(opened))
    sidecars[0]["sources"] = {"foreground": {"x": {"MIT": {"o": 1}}}}
    assert _front(card(opened))["license"] == ["cc0-1.0", "mit"]


def test_an_unfinished_dataset_is_not_pushed(dataset: Path, fake_hub: Any) -> None:
    (dataset / "shards" / "00001.json").unlink()
    with pytest.raises(AimkitError, match="1 of 3 shards are missing"):
        push_dataset(str(dataset), "org/set")
    assert not fake_hub.repos


def test_without_a_connection_there_is_one_try_and_one_error(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert run(["dataset", "push", str(dataset), "--repo", "org/set"]) == 1
    said = capsys.readouterr().err
    assert "error: can't push to org/set: no connection" in said
    assert said.count("error") == 1
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    assert run(["dataset", "push", str(dataset), "--repo", "org/set"]) == 1
    assert "AIMKIT_OFFLINE is set" in capsys.readouterr().err


def test_a_pushed_dataset_is_read_back_by_name(
    dataset: Path, fake_hub: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import datasets

    from aimkit.datasets.huggingface import image_columns, open_table

    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", fake_hub.url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    push_dataset(str(dataset), "org/set")
    rows, where = open_table("org/set")
    opened = open_dataset(dataset)
    pictures = image_columns(rows, ["image", "alpha", "label"], where)
    for i in range(5):
        planes = opened.record(i).planes
        assert {name: cell["bytes"] for name, cell in pictures[i].items()} == {
            name: planes[name] for name in ("image", "alpha", "label")
        }


_LOAD = """
import hashlib, json, sys
from pathlib import Path
from datasets import Image, load_dataset
rows = load_dataset("org/set", split="train")
pictures = [name for name, kind in rows.features.items() if isinstance(kind, Image)]
for name in pictures:
    rows = rows.cast_column(name, Image(decode=False))
def digest(cell):
    return hashlib.sha256(cell["bytes"] or Path(cell["path"]).read_bytes()).hexdigest()
print(json.dumps([{name.partition(".")[0]: digest(row[name]) for name in pictures} for row in rows]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("format", ["folder", "parquet", "webdataset"])
def test_load_dataset_of_a_pushed_dataset_gives_the_same_bytes(tmp_path: Path, fake_hub: Any, format: str) -> None:
    recipe = tiny(5)
    output = recipe.output.model_copy(update={"format": format, "shard_size": 2})
    synthesize(recipe.model_copy(update={"output": output}), tmp_path / "d")
    push_dataset(str(tmp_path / "d"), "org/set")
    # The hub's client and datasets read their address once, when they are imported.
    names = {"HF_ENDPOINT": fake_hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    code = [sys.executable, "-c", _LOAD]
    done = subprocess.run(code, env={**os.environ, **names}, capture_output=True, check=False, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    opened = open_dataset(tmp_path / "d")
    stored = [opened.record(i).planes for i in range(5)]
    assert rows == [{name: hashlib.sha256(data).hexdigest() for name, data in planes.items()} for planes in stored]
