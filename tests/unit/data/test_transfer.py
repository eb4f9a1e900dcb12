"""Batches reach the training process also where shared memory is tiny, as in containers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from aimkit.data.device.batch import BatchStep, DeferredBatch
from aimkit.data.transfer import PipedBatch, received, shared, warn_small


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Tensor) -> Tensor:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(Tensor, "share_memory_", refuse)


def test_the_tensors_of_a_batch_are_in_shared_memory_before_they_are_sent() -> None:
    batch = shared({"image": torch.arange(6).reshape(2, 3), "name": "a"})
    assert batch["image"].is_shared()
    assert received(batch) is batch


@pytest.mark.usefixtures("full")
def test_a_batch_that_does_not_fit_is_sent_as_arrays_and_received_unchanged() -> None:
    batch = {"image": torch.arange(6, dtype=torch.uint8).reshape(2, 3), "valid": torch.tensor([True, False])}
    sent = shared(batch)
    assert isinstance(sent, PipedBatch)
    assert sent.size == 8
    got = received(sent)
    assert {name: x.dtype for name, x in got.items()} == {"image": torch.uint8, "valid": torch.bool}
    assert all(torch.equal(got[name], batch[name]) for name in batch)


@pytest.mark.usefixtures("full")
def test_a_deferred_batch_keeps_its_arrays_and_the_planes_of_its_steps() -> None:
    one = torch.ones(1)
    step = BatchStep("shadow", np.zeros(1, int), {"x": np.ones(1)}, torch.ones(1, 2, 2, dtype=torch.float16))
    batch = DeferredBatch(
        *[one] * 6, (0, 0, 2, 2), np.ones((1, 2)), one, one, one, one, "fixed", linear=True, steps=[step]
    )
    got = received(shared(batch))
    assert isinstance(got.kernel, np.ndarray)
    assert isinstance(got.steps[0].values["x"], np.ndarray)
    assert isinstance(got.image, type(None))
    assert torch.equal(got.alpha, one)
    assert got.steps[0].plane.dtype == torch.float16


def test_the_warning_names_the_option_and_the_size_that_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    warn_small(PipedBatch(None, 46_000_000), 40)
    told = capsys.readouterr().err.replace("\n", " ")
    assert "1840 MB" in told
    assert "--shm-size=2g" in told


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from test_transfer import Numbers
from aimkit.data.loader import make_loader
from aimkit.data.sampler import PositionSampler
if __name__ == "__main__":
    for batch in make_loader(Numbers(), PositionSampler(0, 4, 4), 1):
        print(batch["image"][:, 0, 0, 0].tolist() == batch["position"].tolist())
"""


class Numbers:
    """Samples of 0.8 MB, each filled with its position."""

    device_compositing = False

    def __getitem__(self, position: int) -> dict[str, object]:
        return {"image": torch.full((3, 512, 512), position, dtype=torch.uint8), "position": position}


@pytest.mark.slow
@pytest.mark.parametrize(("options", "said"), [("size=2m", "--shm-size=1g"), ("size=4k", "No space left"), ("ro", "")])
def test_a_tiny_shared_memory_neither_hangs_training_nor_loses_a_batch(options: str, said: str, tmp_path: Path) -> None:
    """In a mount namespace of its own. Without a single page, workers can't be started, which is one error."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("can't make a mount namespace")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=str(Path(__file__).parent)))
    mount = f'mount -t tmpfs -o {options} tmpfs /dev/shm && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, str(script)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert said in result.stderr
    if options == "size=2m":
        assert (result.returncode, result.stdout) == (0, "True\n" * 4)
        assert result.stderr.count("shared memory is too small") == 1
    else:
        assert "the data workers can't be started" in result.stderr
        assert result.stdout == ""
