"""What others wrote is damaged, hostile or both: noticed by name, kept in its folder, and never a traceback."""

from __future__ import annotations

import ast
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from tiny_recipe import tiny_recipe
from tiny_weights import tiny_weights

import aimkit
from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.imageio import decode, write_png

SOURCES = sorted(Path(aimkit.__file__).parent.rglob("*.py"))

OUTSIDE = ["../../escaped", "/tmp/escaped", "..\\..\\escaped", "link/escaped"]

# Code of others ---------------------------------------------------------------------------------------------------


def calls(path: Path) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def test_no_call_lets_data_bring_its_own_code() -> None:
    """``datasets`` and ``torch.hub`` run a repository's code with trust_remote_code, pickle runs anything."""
    wrong = []
    for path in SOURCES:
        if path.name == "processes.py":
            # What the processes of one run send each other.
            continue
        for call in calls(path):
            name = ast.unparse(call.func)
            keys = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if "trust_remote_code" in keys or (name.endswith("torch.load") and keys.get("weights_only") != "True"):
                wrong.append(f"{path.name}:{call.lineno} {name}")
            if name in ("eval", "exec", "pickle.load", "pickle.loads", "torch.hub.load", "yaml.load", "os.system"):
                wrong.append(f"{path.name}:{call.lineno} {name}")
    assert wrong == []


# Paths ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset in every format, and a pool."""
    root = tmp_path_factory.mktemp("written")
    for form in ("folder", "parquet", "webdataset"):
        assert run(["synth", str(tiny_recipe(root, form)), "-o", str(root / form), "--workers", "1"]) == 0
    words = ["pool", "build", str(root / "folder.toml"), "-o", str(root / "pool")]
    assert run([*words, "--drawn", "1", "--size", "16", "--workers", "1"]) == 0
    return root


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    """The same beside a folder that nothing may be written to or read from; a link in each leads there."""
    root = shutil.copytree(written, tmp_path / "in" / "written")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "escaped").write_bytes(b"a secret")
    for form in ("folder", "parquet", "webdataset"):
        (root / form / "link").symlink_to(tmp_path / "out")
    return root


def outside(copy: Path) -> dict[str, bytes]:
    """Everything that lies outside the data."""
    top = copy.parent.parent
    files = [path for path in top.rglob("*") if path.is_file() and copy not in path.parents]
    return {str(path.relative_to(top)): path.read_bytes() for path in files if "merged" not in path.parts}


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("form", ["folder", "parquet", "webdataset"])
def test_a_sidecar_that_points_out_of_its_dataset_is_refused(
    form: str, path: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = outside(copy)
    sidecar = next(p for p in sorted((copy / form / "shards").iterdir()) if p.suffix == ".json")
    content = json.loads(sidecar.read_text())
    content["files"][0]["path"] = path
    sidecar.write_text(json.dumps(content))
    assert run(["dataset", "verify", str(copy / form)]) != 0
    assert run(["dataset", "merge", str(copy / form), "-o", str(tmp_path / "merged")]) != 0
    assert "escaped" in "".join(capsys.readouterr())
    assert outside(copy) == before


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_row_that_points_out_of_its_dataset_is_refused(
    path: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = next((copy / "folder" / "shards").glob("*.jsonl"))
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    lines[0]["file_name"] = path
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for words in (["verify"], ["sheet", "-o", str(copy.parent / "sheet.png")]):
        assert run(["dataset", words[0], str(copy / "folder"), *words[1:]]) != 0
        assert "a secret" not in "".join(capsys.readouterr())


def test_members_of_a_tar_are_data_and_never_unpacked(copy: Path) -> None:
    """Members with hostile names, links and devices in place of the first sample."""
    before = outside(copy)
    tar = next((copy / "webdataset" / "data").glob("*.tar"))
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        for name, kind in (("../../escaped", tarfile.REGTYPE), ("/tmp/x", tarfile.SYMTYPE), ("d", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            file.addfile(member, io.BytesIO())
    tar.write_bytes(data.getvalue() + tar.read_bytes()[len(data.getvalue()) :])
    for words in (["verify"], ["sheet", "-o", str(copy / "sheet.png")]):
        assert run(["dataset", words[0], str(copy / "webdataset"), *words[1:]]) != 0
    assert outside(copy) == before


# Flips ------------------------------------------------------------------------------------------------------------


def flipped(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[min(int(len(data) * at), len(data) - 1)] ^= 4
    path.write_bytes(data)


def missed_flips(
    form: str, places: Sequence[float], written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> list[tuple[str, float, int, str]]:
    """Flip one bit at each place of each file, and list what its verification did not tell by name."""
    missed: list[tuple[str, float, int, str]] = []
    victims = sorted(path.relative_to(written) for path in (written / form).rglob("[!.]*") if path.is_file())
    assert len(victims) > 1
    for victim in victims:
        for at in places:
            copy = shutil.copytree(written / form, tmp_path / "copy")
            flipped(copy / victim.relative_to(form), at)
            command = ["pool", "verify"] if form == "pool" else ["dataset", "verify"]
            code = run([*command, str(copy)])
            said = "".join(capsys.readouterr())
            # A sidecar is named by the shard that it describes; a comment in the lock file is part of the card.
            names = {victim.name, victim.stem, str(int(victim.stem)) if victim.stem.isdigit() else victim.name}
            names |= {"README.md"} if victim.suffix == ".toml" else set()
            if code == 0 or not any(name in said for name in names):
                missed.append((str(victim), at, code, said[:200]))
            shutil.rmtree(copy)
    return missed


@pytest.mark.parametrize("form", ["parquet", "pool"])
def test_a_changed_bit_in_the_middle_of_any_file_is_noticed_by_name(
    form: str, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert missed_flips(form, [0.5], written, tmp_path, capsys) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", ["folder", "parquet", "webdataset", "pool"])
def test_one_changed_bit_in_any_file_is_noticed_by_name(
    form: str, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert missed_flips(form, (0.02, 0.3, 0.5, 0.97), written, tmp_path, capsys) == []


@pytest.mark.parametrize("at", [0.02, 0.3, 0.5, 0.97])
def test_one_changed_bit_in_cached_weights_or_their_record_is_noticed_by_name(
    at: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of weights whose digest nobody published: the record of the first pull guards them."""
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path))
    tiny_weights(tmp_path)
    row = {"id": "aimnet_resnet18.open", "architecture": "aimnet", "backbone": "resnet18", "stage": "matting"}
    row |= {"format": "safetensors", "licence": "MIT", "sources": ["file:w.safetensors"]}
    (tmp_path / "own.toml").write_text(tomli_w.dumps({"checkpoint": [row]}))
    assert run(["zoo", "pull", row["id"], "--trust-first-use"]) == 0
    assert run(["zoo", "verify"]) == 0
    files = [path for path in (tmp_path / "home").rglob("*") if path.suffix in (".safetensors", ".json")]
    assert len(files) == 2
    for file in files:
        whole = file.read_bytes()
        flipped(file, at)
        capsys.readouterr()
        assert run(["zoo", "verify"]) != 0
        assert file.name in "".join(capsys.readouterr()).replace("\n", "")
        file.write_bytes(whole)
    assert run(["zoo", "verify"]) == 0


def test_one_changed_bit_in_the_results_of_an_evaluation_is_noticed_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, value in (("pred", 200), ("mask", 255)):
        for name in ("a", "b"):
            write_png(tmp_path / folder / f"{name}.png", np.full((8, 8), value, np.uint8))
    words = ["evaluate", "--predictions", str(tmp_path / "pred"), "--truth", str(tmp_path / "mask")]
    words += ["-o", str(tmp_path / "out"), "--no-report"]
    assert run(words) == 0
    results, journal = tmp_path / "out" / "results.json", tmp_path / "out" / "images.jsonl"
    whole = results.read_bytes()
    for at in (0.02, 0.3, 0.5, 0.97):
        flipped(results, at)
        capsys.readouterr()
        assert run(["evaluate", "compare", str(results.parent), str(results.parent)]) != 0
        assert "results.json" in capsys.readouterr().err
        results.write_bytes(whole)
    for file in (tmp_path / "out" / "results.md", tmp_path / "out" / "run.json"):
        other = file.read_bytes()
        for at in (0.02, 0.3, 0.5, 0.97):
            flipped(file, at)
            capsys.readouterr()
            assert run(["evaluate", "compare", str(results.parent), str(results)]) == 0
            assert f"{file.name}: " in capsys.readouterr().err.replace("\n", "")
            file.write_bytes(other)
    assert run(["evaluate", "compare", str(results.parent), str(results)]) == 0
    told = capsys.readouterr().err
    assert ("results.md" in told, "run.json" in told) == (False, False)
    for at in (0.1, 0.45, 0.6):
        flipped(journal, at)
        assert run(words) == 0
        assert "images.jsonl: line" in capsys.readouterr().err
        assert results.read_bytes() == whole
        # The damaged line stays, and another with the same content stands below it.
        journal.write_text("".join(journal.read_text(errors="replace").splitlines(keepends=True)[-2:]))


def test_one_changed_bit_of_a_matte_never_gives_other_pixels(tmp_path: Path) -> None:
    plain = np.random.default_rng(0).integers(0, 256, (5, 7), np.uint8)
    write_png(tmp_path / "a.png", plain)
    data = (tmp_path / "a.png").read_bytes()
    for position in range(8 * len(data)):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        with suppress(AimkitError):
            assert np.array_equal(decode(bytes(changed), "a.png").pixels, plain), position
