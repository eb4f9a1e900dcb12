"""Safetensors files are the same bytes for the same content, readable as the umask says, and survive a full disk."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from aimkit import safetensors_file
from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.safetensors_file import write_tensors

TENSORS = {"b": torch.arange(5.0), "a.weight": torch.ones(2, 3, dtype=torch.float16), "é": torch.tensor(3)}
ABOUT = {f"key {n}": f'"wert" ü {n}\n' for n in range(12)}


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.safetensors" for n in range(6)]
    for n, file in enumerate(files):
        keys = list(ABOUT) if n % 2 else list(reversed(ABOUT))
        write_tensors(TENSORS, file, {key: ABOUT[key] for key in keys})
    assert len({file.read_bytes() for file in files}) == 1
    found = load_file(files[0])
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[key], TENSORS[key]) for key in TENSORS)
    with safe_open(files[0], "pt") as file:
        assert file.metadata() == ABOUT
    write_tensors(TENSORS, tmp_path / "none.safetensors", {})
    assert load_file(tmp_path / "none.safetensors").keys() == TENSORS.keys()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "a.safetensors") as temporary:
            write_tensors(TENSORS, temporary, ABOUT)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == mode


def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise SafetensorError(f"I/O error: No space left on device (os error {errno.ENOSPC})")

    monkeypatch.setattr(safetensors_file, "save_file", full)
    with pytest.raises(AimkitError, match="disk full"), replacing(tmp_path / "a.safetensors") as temporary:
        write_tensors(TENSORS, temporary, ABOUT)
    assert list(tmp_path.iterdir()) == []
