from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from aimkit.data.loader import StreamDataset, make_loader, to_device, to_tensors
from aimkit.data.sampler import PositionSampler
from aimkit.data.streams import ShuffledStream, streams
from aimkit.data.transforms import Crop, Fit
from aimkit.errors import AimkitError
from aimkit.recipe import named
from aimkit.types import ImageType, Sample

DEMO = {
    "source": "synth",
    "recipe": "demo",
    "overrides": [
        "placement.height=48",
        "placement.width=48",
        'foregrounds.0.generators=["mesh"]',
        "balance={NS=1}",
        'backgrounds.0.generators=["gradient"]',
    ],
}


def block(table: dict[str, object]):
    return named(streams, "source")(table)


def open_stream(table: dict[str, object], seed: int = 0):
    return block(table).open(seed)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos with mattes in AIM-500's layout, two of each type."""
    draw = np.random.default_rng(0)
    types = {}
    for name in ("original", "mask"):
        (tmp_path / name).mkdir()
    y, x = np.mgrid[:40, :60]
    for i in range(6):
        alpha = (np.clip((12 + i - np.hypot(y - 20, x - 30)) / 4, 0, 1) * 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"original/p{i}.jpg"), draw.integers(0, 255, (40, 60, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f"mask/p{i}.png"), alpha)
        types[f"p{i}"] = {"type": list(ImageType)[i % 3], "category": "toy"}
    (tmp_path / "aim_category_type.json").write_text(json.dumps(types))
    return tmp_path


def test_a_live_stream_is_pure_and_endless_and_depends_on_the_seed() -> None:
    one, again, other = open_stream(DEMO, 1), open_stream(DEMO, 1), open_stream(DEMO, 2)
    assert np.array_equal(one.sample(5000).image, again.sample(5000).image)
    assert not np.array_equal(one.sample(0).image, one.sample(1).image)
    assert not np.array_equal(one.sample(0).image, other.sample(0).image)
    fixed = {**DEMO, "reseed": False}
    assert np.array_equal(open_stream(fixed, 1).sample(0).image, open_stream(fixed, 2).sample(0).image)


def test_a_folder_of_photos_has_types_and_no_planes(photos: Path) -> None:
    stream = open_stream({"source": "folder", "path": str(photos), "kernel": 5})
    sample = stream.sample(0)
    assert sample.category == "toy"
    assert sample.foreground.shape == (0, 0, 3)
    assert not to_tensors(sample)["composition_valid"]
    ids = [stream.sample(i).meta["sources"][0]["id"] for i in range(12)]
    assert sorted(ids[:6]) == sorted(ids[6:]) == [f"p{i}" for i in range(6)]
    assert ids[:6] != ids[6:]


def test_balance_draws_types_by_their_shares(photos: Path) -> None:
    stream = open_stream({"source": "folder", "path": str(photos), "balance": {"SO": 3, "NS": 1}})
    types = Counter(str(stream.sample(i).type) for i in range(120))
    assert set(types) == {"SO", "NS"}
    assert types["SO"] == pytest.approx(90, abs=15)


def test_balance_for_a_type_that_is_not_there_is_told() -> None:
    with pytest.raises(AimkitError, match="asks for NS"):
        ShuffledStream([None], 0, {"NS": 1.0}, lambda i: "SO")  # type: ignore[list-item]


def test_a_types_file_that_lacks_images_is_told(photos: Path) -> None:
    (photos / "aim_category_type.json").write_text(json.dumps({"p0": {"type": "SO"}, "q1": {"type": "NS"}}))
    with pytest.raises(AimkitError, match="lacks 5 images"):
        open_stream({"source": "folder", "path": str(photos)})


def test_a_saliency_mask_is_made_binary(tmp_path: Path) -> None:
    for name in ("DUTS-TR-Image", "DUTS-TR-Mask"):
        (tmp_path / name).mkdir()
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    cv2.imwrite(str(tmp_path / "DUTS-TR-Image/a.jpg"), np.dstack([ramp] * 3))
    cv2.imwrite(str(tmp_path / "DUTS-TR-Mask/a.png"), ramp)
    sample = open_stream({"source": "saliency", "path": str(tmp_path), "kernel": 4}).sample(0)
    assert set(np.unique(sample.alpha)) == {0, 255}
    assert sample.type is ImageType.SO
    assert (sample.label == 128).any()


def test_a_written_dataset_streams_what_was_written(tmp_path: Path) -> None:
    from aimkit.cli import run

    small = [*DEMO["overrides"], "count=4", "output.shard_size=2"]  # type: ignore[misc]
    assert run(["-q", "synth", "demo", "-o", str(tmp_path / "d"), *small]) == 0
    stream = open_stream({"source": "written", "path": str(tmp_path / "d")})
    assert len(stream) == 4
    indices = sorted(stream.sample(i).meta["index"] for i in range(4))
    assert indices == [0, 1, 2, 3]


@pytest.mark.parametrize(("processes", "accumulate"), [(1, 1), (2, 1), (1, 4), (4, 2), (2, 4)])
def test_a_step_holds_the_same_positions_however_it_is_split(processes: int, accumulate: int) -> None:
    steps: dict[int, list[int]] = {}
    for process in range(processes):
        sampler = PositionSampler(3, 6, 8, process=process, processes=processes, accumulate=accumulate)
        assert len(list(sampler)) == len(sampler) == 3 * accumulate
        for number, positions in enumerate(sampler):
            steps.setdefault(3 + number // accumulate, []).extend(positions)
    assert {step: sorted(positions) for step, positions in steps.items()} == {
        step: list(range(8 * step, 8 * step + 8)) for step in (3, 4, 5)
    }


def test_a_batch_that_cannot_be_split_is_told() -> None:
    with pytest.raises(AimkitError, match="can't be split by 3 processes"):
        PositionSampler(0, 1, 8, processes=3)
    with pytest.raises(AimkitError, match="make it a multiple of 4"):
        PositionSampler(0, 1, 6, processes=2, accumulate=2)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_batches_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    dataset = StreamDataset(block(DEMO), Fit(size=32), seed=4)
    batches = list(make_loader(dataset, PositionSampler(1, 3, 2), workers))
    assert [batch["position"].tolist() for batch in batches] == [[2, 3], [4, 5]]
    for batch in batches:
        for row, position in enumerate(batch["position"].tolist()):
            assert torch.equal(batch["image"][row], dataset[position]["image"])


def test_an_open_dataset_travels_to_another_process_closed() -> None:
    dataset = StreamDataset(block(DEMO), Fit(size=32), seed=4)
    first = dataset[0]["image"]
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy._stream is None
    assert torch.equal(copy[0]["image"], first)


def test_tensors_have_the_ranges_that_the_losses_take() -> None:
    alpha = np.full((4, 6), 255, np.uint8)
    plane = np.full((4, 6, 3), 255, np.uint8)
    sample = Sample(plane, alpha, alpha, alpha, plane, plane, ImageType.STM, "", {"composition_valid": True})
    row = to_tensors(sample)
    batch = to_device({k: v[None] for k, v in row.items() if isinstance(v, torch.Tensor)}, "cpu")
    assert batch["image"].max() == 1.0
    assert batch["alpha"].max() == batch["label"].max() == 255.0
    assert row["composition_valid"]
    assert row["type"] == 1


@pytest.mark.parametrize("device_compositing", [False, True])
@pytest.mark.parametrize("kind", ["STM", "NS"])
def test_the_plain_trimap_can_be_the_label_of_every_type(kind: str, device_compositing: bool, tmp_path: Path) -> None:
    y, x = np.mgrid[:60, :60]
    alpha = (np.clip((20 - np.hypot(y - 30, x - 30)) / 6, 0, 1) * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "disc.png"), np.dstack([alpha, 255 - alpha, alpha, alpha]))
    things = f'foregrounds=[{{source="cutouts", path="{tmp_path}", type="{kind}"}}]'
    made = [things, f"balance={{{kind}=1}}", "labels.kernel=0", "placement.height=96", "placement.width=96"]
    table = {**DEMO, "overrides": [*made, DEMO["overrides"][-1]], "crop_first": "fast"}
    labels = {}
    for label in ("generalized", "trimap"):
        source = block({**table, "label": label})
        dataset = StreamDataset(source, Crop(size=64, crops=(96,)), 0, device_compositing=device_compositing)
        [batch] = make_loader(dataset, PositionSampler(0, 1, 4))
        labels[label] = to_device(batch, "cpu")
    plain, alpha = labels["trimap"]["label"], labels["trimap"]["alpha"]
    assert torch.equal(alpha, labels["generalized"]["alpha"])
    assert not torch.equal(plain, labels["generalized"]["label"])
    # With a kernel of 0, unknown is what is neither opaque nor clear.
    assert torch.equal(plain, torch.where((alpha > 0) & (alpha < 255), 128.0, alpha))
    wanted = torch.full_like(plain, 128) if kind == "NS" else plain.clamp(max=128)
    assert torch.equal(labels["generalized"]["label"], wanted)
