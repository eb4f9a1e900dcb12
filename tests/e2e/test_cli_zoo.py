from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aimkit.cli import run
from aimkit.zoo import timm_entries
from aimkit.zoo.manifest import ZooEntry, find

ENTRY = """
[[checkpoint]]
id = "aimnet_resnet18.{tag}"
architecture = "aimnet"
backbone = "resnet18"
stage = "matting"
format = "safetensors"
licence = "Apache-2.0"
sources = ["file:w.safetensors"]
{digest}
[[checkpoint.data]]
name = "X"
licence = "CC0-1.0"
commercial = true
"""


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest folder of one's own with an entry whose digest is known and one whose digest is not."""
    for name in ("AIMKIT_OFFLINE", "AIMKIT_TRUST_FIRST_USE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path / "zoo"))
    header = json.dumps({"x": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(9)
    digest = f'sha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}'
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "w.safetensors").write_bytes(content)
    text = ENTRY.format(tag="known", digest=digest) + ENTRY.format(tag="open", digest="")
    (tmp_path / "zoo" / "own.toml").write_text(text)
    return tmp_path / "zoo"


def output(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> Any:
    """What a command prints as JSON."""
    capsys.readouterr()
    assert run(["zoo", *args, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def ids(rows: Any) -> list[str]:
    return [row["id"] for row in rows]


def test_listing_filters_by_every_option(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["aimnet_resnet18.known", "aimnet_resnet18.open"]
    everything = ids(output(capsys, "ls"))
    assert {*own, "resnet34_mp.in1k", "aimnet_resnet34_mp.matting"} <= set(everything)
    assert ids(output(capsys, "ls", "aimnet_resnet18*")) == own
    assert set(ids(output(capsys, "ls", "--stage", "imagenet"))).isdisjoint(own)
    assert ids(output(capsys, "ls", "--licence", "apache*", "*resnet18*")) == own
    assert "aimnet_resnet34_mp.matting" not in ids(output(capsys, "ls", "--commercial"))
    assert set(own) <= set(ids(output(capsys, "ls", "--commercial")))
    assert ids(output(capsys, "ls", "--cached")) == []
    assert run(["zoo", "pull", "aimnet_resnet18.known"]) == 0
    assert ids(output(capsys, "ls", "--cached")) == ["aimnet_resnet18.known"]


def test_the_table_and_the_page_of_an_entry_are_for_people(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "ls"]) == 0
    table = capsys.readouterr()
    assert "AIM-500: 43.92, 41.72, 44.25" in table.out
    assert "timm:*" in table.err
    assert run(["zoo", "show", "aimnet_resnet34_mp.matting"]) == 0
    page = capsys.readouterr().out
    for part in ("gdrive://16dd1FGMcsMTqR6EfD2T9mtRmPwxnY0zs", "Adobe", "protocol: AIM-500", "unknown", "1/3 & 1/4"):
        assert part in page


def test_pull_path_verify_rm(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "path", "aimnet_resnet18.known"]) == 1
    rows = output(capsys, "pull", "aimnet_resnet18.known")
    path = Path(rows[0]["path"])
    assert output(capsys, "path", "aimnet_resnet18.known")["path"] == str(path)
    assert [row["state"] for row in output(capsys, "verify")] == ["ok"]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [row["state"] for row in output(capsys, "verify", code=1)] == ["wrong"]
    assert output(capsys, "rm", "aimnet_resnet18.known")[0]["removed"] == [str(path)]
    assert not path.exists()
    assert output(capsys, "verify", "aimnet_resnet18.known")[0]["state"] == "not cached"


def test_a_pattern_pulls_what_it_can_and_says_what_it_could_not(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = output(capsys, "pull", "aimnet_resnet18.*", code=1)
    assert [bool(row["path"]) for row in rows] == [True, False]
    assert "has no published digest" in rows[1]["error"]
    assert [bool(row["path"]) for row in output(capsys, "pull", "aimnet_resnet18.*", "--trust-first-use")] == [
        True,
        True,
    ]
    assert output(capsys, "show", "aimnet_resnet18.open")["digest"] == "trusted here"
    assert run(["zoo", "pull", "nothing*"]) == 2
    assert run(["zoo", "pull", "aimnet_resnet18.*", "--from", str(zoo / "w.safetensors")]) == 2


def test_a_file_by_hand_is_taken(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_hand = zoo.parent / "downloaded"
    (zoo / "w.safetensors").rename(by_hand)
    assert run(["zoo", "pull", "aimnet_resnet18.known"]) == 1
    assert "--from FILE" in capsys.readouterr().err
    assert output(capsys, "pull", "aimnet_resnet18.known", "--from", str(by_hand))[0]["path"]


def test_check_lists_every_problem(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "check")["problems"] == []
    text = (zoo / "own.toml").read_text().replace("file:w.safetensors", "file:gone.safetensors")
    (zoo / "own.toml").write_text(text)
    found = output(capsys, "check", str(zoo / "own.toml"), code=2)
    assert found["entries"] == 2
    assert ["gone.safetensors' not found" in problem["what"] for problem in found["problems"]] == [True, True]
    assert any("no digest" in note for note in found["notes"])


def test_wrong_data_and_a_dry_run_of_publishing(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["zoo", "add", str(zoo / "w.safetensors"), "--id", "aimnet_resnet18.new"]
    assert run([*args, "--data", "nonsense"]) == 2
    assert "does not describe a dataset" in capsys.readouterr().err
    assert run([*args, "--architecture", "aimnet", "--backbone", "resnet18"]) == 2
    assert "another network" in capsys.readouterr().err
    card = output(capsys, "push", "aimnet_resnet18.known", "--repo", "org/name", "--dry-run")["card"]
    assert card.startswith("---\nlibrary_name: aimkit\n")
    assert "license: apache-2.0" in card


ROWS = [
    {"name": "resnet18.a1_in1k", "hub": "timm/resnet18.a1_in1k", "file": None, "url": "https://h/r.pth"},
    {"name": "resnet18.gluon_in1k", "hub": None, "file": None, "url": "https://h/g.pth"},
    {"name": "vit_x.laion", "hub": "timm/vit_x.laion", "file": "w.bin", "url": ""},
]


@pytest.fixture
def timm(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A timm of three weights; the calls that would have imported it are counted."""
    calls: list[int] = []
    common = {"licence": "apache-2.0", "mean": [0.5] * 3, "std": [0.5] * 3, "paper": None}

    def configurations() -> list[dict[str, Any]]:
        calls.append(1)
        return [row | common for row in ROWS]

    monkeypatch.setattr(timm_entries, "_configurations", configurations)
    return calls


def test_timm_is_listed_filtered_and_asked_once(timm: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    rows = output(capsys, "ls", "timm:*")
    assert ids(rows) == ["timm:resnet18.a1_in1k", "timm:resnet18.gluon_in1k", "timm:vit_x.laion"]
    assert [row["sources"] for row in rows] == [
        ["hf://timm/resnet18.a1_in1k/model.safetensors"],
        ["https://h/g.pth"],
        ["hf://timm/vit_x.laion/w.bin"],
    ]
    assert [row["commercial"] for row in rows] == [False, False, None]
    assert ids(output(capsys, "ls", "timm:vit*", "--licence", "apache*")) == ["timm:vit_x.laion"]
    assert output(capsys, "show", "timm:resnet18.a1_in1k")["preprocessing"]["mean"] == [0.5, 0.5, 0.5]
    assert run(["zoo", "pull", "timm:resnet18.a1_in1k"]) == 2
    assert "--trust-first-use" in capsys.readouterr().err
    assert timm == [1]


@pytest.mark.slow
def test_the_installed_timm_is_resolved(zoo: Path) -> None:
    entries = timm_entries.timm_entries()
    assert len(entries) > 1000
    # Every entry is what the schema of the manifest allows, but for its id.
    for entry in entries:
        ZooEntry.model_validate(entry.to_table() | {"id": "resnet18.x", "backbone": "resnet18"})
    assert find("timm:tf_efficientnet_lite0").id == "timm:tf_efficientnet_lite0.in1k"
    assert find("timm:convnext_tiny.fb_in22k").licence == "apache-2.0"


def test_listing_imports_nothing_heavy(zoo: Path) -> None:
    code = (
        "import sys\nfrom aimkit.cli import run\n"
        "assert run(['zoo', 'ls']) == 0\n"
        "heavy = {'torch', 'timm', 'cv2', 'datasets', 'huggingface_hub', 'requests'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
