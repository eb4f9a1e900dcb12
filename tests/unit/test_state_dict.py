"""Weights of others are unwrapped; what is damaged or no weights at all is one clear error."""

from __future__ import annotations

import argparse
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.models.weights import declared, loading
from aimkit.models.weights.matching import load_matching
from aimkit.state_dict import read, unwrap

PLAIN = {"conv.weight": torch.arange(4.0), "conv.bias": torch.ones(1)}
OTHER = {"conv.weight": torch.zeros(4), "conv.bias": torch.zeros(1)}


def named(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in PLAIN.items()}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        {"state_dict": PLAIN, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.zeros(4)}}, "param_groups": []}},
        {"model": PLAIN, "optimizer": {"state": {}}, "lr": 1e-3, "loss": torch.tensor(0.5)},
        {"model_state_dict": PLAIN, "optimizer_state_dict": {}},
        {"params": PLAIN},
        {"params": OTHER, "params_ema": PLAIN},
        {"state_dict": OTHER, "state_dict_ema": PLAIN},
        {"model": OTHER, "ema": {"module": PLAIN, "updates": 10}},
        {"net": PLAIN},
        {"module": PLAIN},
        {"state_dict": {"model": PLAIN}},
        {"model": {"name": "u-net"}, "net": PLAIN},
        {"generator": PLAIN, "step": 4},
        {"state_dict": named("module.")},
        named("module.module."),
        named("model."),
        named("_orig_mod."),
        named("module._orig_mod."),
        named("model._orig_mod.net."),
        {"model": {f"conv._orig_mod.{key.removeprefix('conv.')}": value for key, value in PLAIN.items()}},
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".ckpt", ".safetensors"])
def test_the_network_is_found_in_what_trainers_write(content: dict[str, Any], suffix: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / f"w{suffix}")  # the content tells the form, whatever the suffix
    found = read(tmp_path / f"w{suffix}")
    assert found.keys() == PLAIN.keys()
    assert all(torch.equal(found[key], PLAIN[key]) for key in PLAIN)


def test_what_was_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unwrap({"params": OTHER, "params_ema": named("module.")}, "w.pth")
    assert "w.pth: read 'params_ema' of the file, without the prefix module." in capsys.readouterr().err
    unwrap({"model": PLAIN}, "w.pth")
    assert capsys.readouterr().err == ""
    console.set_verbosity(1)
    unwrap({"model": PLAIN}, "w.pth")
    assert "read 'model' of the file" in capsys.readouterr().err


def test_a_prefix_that_is_the_networks_own_is_kept(tmp_path: Path) -> None:
    network = nn.Module()
    network.model = nn.Linear(2, 1)
    wanted = {"model.weight": torch.full((1, 2), 3.0), "model.bias": torch.full((1,), 4.0)}
    torch.save(wanted, tmp_path / "w.pth")
    loading.load(network, tmp_path / "w.pth")
    assert network.model.bias.item() == 4
    with torch.no_grad():
        network.model.bias.zero_()
    assert len(load_matching(network, tmp_path / "w.pth").loaded) == 2
    assert network.model.bias.item() == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no tensors"),
        ({"state_dict": {}}, "no tensors"),
        ({"encoder": PLAIN, "decoder": PLAIN}, "2 state dicts.*'encoder', 'decoder'"),
        ({"x": "text"}, "'x' is a str, not a tensor"),
        ([PLAIN], "the file holds a list"),
        (torch.zeros(2), "the file holds a Tensor"),
        (3, "the file holds an int"),
        (argparse.Namespace(a=1), r"more than tensors: argparse\.Namespace"),
        (nn.Linear(2, 2), r"more than tensors: torch\.nn\.modules\.linear\.Linear"),
        ({"state_dict": {"a": torch.zeros(2).to_sparse()}}, "not a plain tensor"),
        ({"a": torch.zeros(1).expand(2**30)}, "would take 4,294,967,296 bytes"),
    ],
)
def test_something_else_is_told_as_such_and_never_with_unsafe_advice(
    content: Any, message: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(AimkitError, match=message) as caught:
        read(tmp_path / "w.pth")
    assert "weights_only" not in str(caught.value)
    assert "trust" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "pointer of Git LFS"),
        (b"\x80\x02not a pickle", "pickle is damaged|can't read"),
        (b"not weights at all", "neither safetensors nor"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
def test_pages_and_pointers_get_clear_words(data: bytes, message: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(data)
    for reader in (read, declared.metadata):
        if reader is declared.metadata and data.startswith(b"\x80"):
            continue
        with pytest.raises(AimkitError, match=message) as caught:
            reader(path)
        assert str(path) in caught.value.where
        assert "weights_only" not in str(caught.value)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.pth")
    with pytest.raises(AimkitError, match="not found"):
        read(tmp_path / "w.pth")


def _samples(folder: Path) -> dict[str, bytes]:
    """Small files of every form: PyTorch's zip, its old pickle, a wrapped checkpoint, safetensors with a header."""
    tensors = {"a.weight": torch.randn(3, 4), "a.bias": torch.randn(3), "n": torch.tensor(7)}
    torch.save(tensors, folder / "zip.pth")
    torch.save(tensors, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": tensors, "optimizer": {"lr": 0.1}, "epoch": 2}, folder / "wrapped.pth")
    facts = {"architecture": "aimnet", "backbone": "resnet34_mp", "options": '{"width": 8}', "predict": "{}"}
    save_file(tensors, folder / "s.safetensors", facts)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _mutated(data: bytes, rng: random.Random) -> bytes:
    """A file with flipped, missing, doubled or foreign bytes; half of the damage is in the first kilobyte."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(max(1, min(len(changed), rng.choice([1024, len(changed) + 1]))))
        match rng.randrange(5):
            case 0:
                changed[at % max(1, len(changed))] ^= 1 << rng.randrange(8)
            case 1:
                del changed[at : at + rng.choice([1, 16, 10**6])]
            case 2:
                changed[at:at] = changed[at : at + 32]
            case 3:
                changed[at : at + 4] = rng.randbytes(4)
            case _:
                changed[at : at + 1] = rng.choice([b"\x00", b"\xff", b"{", b"(", b".", b"0", b"R", b"c", b"\x93"])
        if not changed:
            break
    return bytes(changed)


def _repacked(data: bytes, rng: random.Random) -> bytes:
    """A zip of PyTorch's that is whole, around a damaged pickle: checksums don't guard that."""
    import io

    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, _mutated(content, rng) if info.filename.endswith("data.pkl") else content)
    return result.getvalue()


def _fuzz(folder: Path, count: int, seed: int) -> int:
    """Read mutated files in every way; the number that was refused."""
    folder.mkdir()
    samples = _samples(folder)
    rng, refused = random.Random(seed), 0
    names = list(samples)
    for number in range(count):
        name = names[number % len(names)]
        packed = name in ("zip.pth", "wrapped.pth") and rng.random() < 0.6
        file = folder / f"fuzz{Path(name).suffix}"
        file.write_bytes((_repacked if packed else _mutated)(samples[name], rng))
        error: AimkitError | None = None
        try:
            tensors = read(file, quiet=True)
            assert all(isinstance(value, torch.Tensor) for value in tensors.values())
            declared.of_file(file)
        except AimkitError as caught:
            error = caught
        if error is not None:
            refused += 1
            assert str(file) in error.where
            assert "weights_only" not in str(error)
    return refused


def test_mutated_files_raise_one_class_of_error(tmp_path: Path) -> None:
    assert _fuzz(tmp_path / "a", 200, 1) > 60


@pytest.mark.slow
def test_thousands_of_mutated_files_raise_one_class_of_error(tmp_path: Path) -> None:
    assert _fuzz(tmp_path / "a", 3000, 2) > 900
