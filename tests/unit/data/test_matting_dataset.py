"""Datasets for loops of one's own: what items hold, how they batch, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import aimkit
from aimkit.data.matting_dataset import MattingDataset, dataset
from aimkit.data.transforms import Crop
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.imageio import write_png
from aimkit.recipe import load_recipe
from aimkit.sample_rows import to_row
from aimkit.synth.engine import Synthesizer
from aimkit.synth.run import synthesize
from aimkit.types import ImageType

SMALL = [
    "placement.height=64",
    "placement.width=80",
    "labels.kernel=5",
    "count=4",
    "balance={NS=1, STM=1}",
    'foregrounds.0.generators=["mesh", "smoke"]',
    'backgrounds.0.generators=["gradient"]',
]
KEYS = ["image", "foreground", "background", "alpha", "label", "composition_valid", "type"]


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return Synthesizer(load_recipe("demo", SMALL, kind="synth"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos of different sizes with soft discs for mattes."""
    for i, (height, width) in enumerate([(60, 70), (50, 90)]):
        y, x = np.mgrid[:height, :width]
        alpha = (np.clip((18 - np.hypot(y - height / 2, x - width / 2)) / 6, 0, 1) * 255).astype(np.uint8)
        photo = cv2.GaussianBlur(np.random.default_rng(i).integers(0, 255, (height, width, 3), np.uint8), (9, 9), 3)
        write_png(tmp_path / f"photos/original/{i}.png", photo)
        write_png(tmp_path / f"photos/mask/{i}.png", alpha)
    return tmp_path / "photos"


def test_a_synthesizer_goes_into_a_loader_and_its_batches_hold_its_samples(synthesizer: Synthesizer) -> None:
    batches = list(DataLoader(synthesizer, batch_size=3))
    assert [len(batch["image"]) for batch in batches] == [3, 1]
    assert list(batches[0]) == KEYS
    sample = synthesizer[1]
    for name in ("image", "foreground", "background"):
        assert batches[0][name].dtype == torch.uint8
        assert np.array_equal(batches[0][name][1].numpy().transpose(1, 2, 0), getattr(sample, name))
    assert np.array_equal(batches[0]["alpha"][1, 0].numpy(), sample.alpha)
    assert np.array_equal(batches[0]["label"][1, 0].numpy(), sample.label)
    assert batches[0]["composition_valid"].dtype == torch.bool
    assert list(ImageType)[int(batches[0]["type"][1])] == sample.type


def test_what_is_made_live_and_what_was_written_batch_alike(synthesizer: Synthesizer, tmp_path: Path) -> None:
    planes = ["output.planes=true"]
    synthesize(load_recipe("demo", [*SMALL, *planes], kind="synth"), tmp_path / "out")
    live = next(iter(DataLoader(synthesizer, batch_size=4)))
    for written in (open_dataset(tmp_path / "out"), dataset(tmp_path / "out")):
        stored = next(iter(DataLoader(written, batch_size=4)))
        assert all(torch.equal(live[name], stored[name]) for name in ("image", "alpha", "label", "type"))


def test_a_batch_of_several_sizes_is_refused_with_the_way_out(photos: Path) -> None:
    ragged = dataset(photos)
    with pytest.raises(AimkitError, match="differ in size: 90x50, 70x60") as error:
        next(iter(DataLoader(ragged, batch_size=2)))
    assert 'transform="crop"' in str(error.value)
    assert [len(batch["image"]) for batch in DataLoader(ragged, batch_size=1)] == [1, 1]
    fitted = dataset(photos, transform={"transform": "fit", "size": 64})
    assert next(iter(DataLoader(fitted, batch_size=2)))["image"].shape == (2, 3, 64, 64)


def test_photos_with_mattes_have_no_planes_and_say_so(photos: Path) -> None:
    item = dataset(photos)[0]
    assert item["index"] == 0
    assert not item["composition_valid"]
    assert not item["foreground"].any()
    assert item["image"].any()


def test_a_batch_on_the_device_has_the_ranges_that_losses_take() -> None:
    batch = next(iter(DataLoader(dataset("demo", SMALL, transform=Crop(size=64, crops=(64,))), batch_size=2)))
    ready = aimkit.data.to_device(batch, "cpu")
    assert ready["image"].dtype == ready["alpha"].dtype == torch.float32
    assert 0 <= float(ready["image"].min()) < float(ready["image"].max()) <= 1
    assert 1 < float(ready["alpha"].max()) <= 255
    assert set(ready["label"].unique().tolist()) <= {0.0, 128.0, 255.0}
    assert ready["index"].tolist() == [0, 1]


def test_a_crop_is_cut_from_the_sample_of_its_index(synthesizer: Synthesizer) -> None:
    cropped = dataset("demo", SMALL, transform={"transform": "crop", "size": 64, "crops": [64], "flip": 0})
    whole, part = to_row(synthesizer[2])["image"], cropped[2]["image"].numpy()
    assert any(np.array_equal(whole[:, :, left : left + 64], part) for left in range(17))


def test_epochs_draw_anew_and_the_same_epoch_draws_the_same() -> None:
    data = dataset("demo", SMALL)
    first = data[0]["image"]
    data.set_epoch(1)
    assert not torch.equal(data[0]["image"], first)
    assert len(data) == 4
    data.set_epoch(0)
    assert torch.equal(data[0]["image"], first)


def test_a_dataset_travels_to_other_processes_without_its_sources() -> None:
    data = dataset("demo", SMALL)
    packed = pickle.dumps(data)
    assert data._samples is not None
    again: MattingDataset = pickle.loads(packed)
    assert again._samples is None
    assert torch.equal(again[3]["alpha"], data[3]["alpha"])


def test_a_synthesizer_travels_to_other_processes(synthesizer: Synthesizer) -> None:
    again = pickle.loads(pickle.dumps(synthesizer))
    assert np.array_equal(again[3].image, synthesizer[3].image)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_loader_processes_make_the_samples_of_one_process(synthesizer: Synthesizer, start: str) -> None:
    for source in (synthesizer, dataset("demo", SMALL)):
        alone = list(DataLoader(source, batch_size=2))
        split = list(DataLoader(source, batch_size=2, num_workers=2, multiprocessing_context=start))
        assert all(torch.equal(a["image"], b["image"]) for a, b in zip(alone, split, strict=True))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"source": "dmo"}, "unknown recipe 'dmo'"),
        ({"source": "demo", "overrides": ["conut=4"]}, "did you mean 'count'"),
        ({"source": "demo", "transform": "corp"}, "did you mean 'crop'"),
        ({"source": "demo", "transform": {"transform": "crop", "szie": 64}}, "did you mean 'size'"),
        ({"source": "FOLDER"}, 'dataset("cutouts", foregrounds=DIR)'),
        ({"source": "FOLDER", "overrides": ["count=4"]}, "this is a folder"),
    ],
)
def test_what_can_not_be_opened_is_told(arguments: dict[str, Any], told: str, tmp_path: Path) -> None:
    source = str(tmp_path) if arguments["source"] == "FOLDER" else arguments["source"]
    with pytest.raises(AimkitError) as error:
        dataset(**{**arguments, "source": source})
    assert told in str(error.value)
