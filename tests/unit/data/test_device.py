"""Compositing on the device gives what the engine gives."""

from __future__ import annotations

import pickle
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from aimkit.data.device import filters, labels
from aimkit.data.device.batch import BatchRow, DeferredBatch, collate_deferred, division, finish_batch
from aimkit.data.device.filters import filter_2d
from aimkit.data.device.labels import trimaps
from aimkit.data.device.planes import BatchPlanes
from aimkit.data.device.steps import device_steps
from aimkit.data.loader import StreamDataset, collate, to_device
from aimkit.data.streams import SynthStream
from aimkit.data.transforms import Crop, Gca
from aimkit.matting.trimap import SCHEDULES, make_trimap
from aimkit.recipe import parse
from aimkit.synth.deferred import DeferredSample
from aimkit.synth.engine import Synthesizer
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.steps import steps
from aimkit.synth.view import View
from aimkit.types import Sample

CANVAS, SIDE = (160, 220), (48, 48)

#: Corners, at and off the grid of pixels, at full size and reduced.
VIEWS = [
    View(CANVAS, SIDE, offset, scale)
    for offset, scale in [((0, 0), 1), ((112, 172), 1), ((20, 30), 0.5), ((10.3, 40.7), 0.6)]
]

VISIBLE: dict[str, dict[str, Any]] = {
    "blur_background": {"kernels": [6, 9, 20]},
    "defocus": {"target": "either", "radius": [5, 20]},
}

DATA = {
    "kind": "synth",
    "seed": 6,
    "foregrounds": [{"source": "procedural", "generators": ["toy", "net", "fog"]}],
    "backgrounds": [{"source": "procedural", "generators": ["material"]}],
    "placement": {"mode": "canvas", "height": 160, "width": 220, "rotation": [-20, 20], "scale": [0.6, 1.2]},
    "labels": {"kernel": [3, 30], "schedule": "random"},
}


def synthesizer(**keys: Any) -> Synthesizer:
    made = Synthesizer(parse(SynthRecipe, {**DATA, **keys}, "test"))
    # Sources are drawn once for both ways.
    made._layout = cache(made._layout)  # type: ignore[method-assign]
    return made


def deferred(made: Synthesizer) -> list[DeferredSample]:
    left = [made.deferred(i, lambda canvas, transition, v=view: v, SIDE, device_steps) for i, view in enumerate(VIEWS)]
    assert all(isinstance(one, DeferredSample) for one in left)
    return left  # type: ignore[return-value]


def windows(made: Synthesizer) -> list[Sample]:
    return [made.window(i, lambda canvas, transition, v=view: v) for i, view in enumerate(VIEWS)]


def finished(left: list[DeferredSample], device: str = "cpu") -> dict[str, torch.Tensor]:
    return finish_batch(collate_deferred([BatchRow(one, False, i) for i, one in enumerate(left)]), device)


def stacked(samples: list[Sample]) -> dict[str, np.ndarray]:
    names = {
        "image": "image",
        "foreground": "foreground",
        "background": "background",
        "alpha": "alpha",
        "label": "label",
    }
    return {name: np.stack([getattr(s, own) for s in samples]).astype(np.float32) for name, own in names.items()}


def difference(batch: dict[str, torch.Tensor], samples: list[Sample]) -> dict[str, np.ndarray]:
    """In levels."""
    result = {}
    for name, want in stacked(samples).items():
        got = batch[name].cpu().numpy() * (255 if want.ndim == 4 else 1)
        result[name] = np.abs(np.moveaxis(got, 1, 3) - (want if want.ndim == 4 else want[..., None]))
    return result


@pytest.fixture
def bytes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine starts from the bytes that the device gets."""
    prepare = Synthesizer._prepare

    def rounded(*arguments: Any) -> Any:
        ready = prepare(*arguments)
        for name in ("foreground", "alpha", "background"):
            setattr(ready.scene, name, ready.scene.uint8(name))
        return ready

    monkeypatch.setattr(Synthesizer, "_prepare", rounded)


def test_the_device_knows_steps_on_planes_and_composites_and_leaves_the_rest_to_the_workers() -> None:
    after_placing = {entry.name for entry in steps if entry.value.stage in ("planes", "image")}
    assert after_placing - set(device_steps.list()) == {"denoise", "jpeg", "webp", "wrapped_noise"}
    assert set(device_steps.list()) <= after_placing


@pytest.mark.usefixtures("bytes_first")
@pytest.mark.parametrize("name", device_steps.list())
def test_a_step_on_the_device_gives_the_engines_levels(name: str) -> None:
    made = synthesizer(steps=[{"step": name, **VISIBLE.get(name, {})}])
    left, whole = deferred(made), windows(made)
    assert any(one.steps for one in left)
    assert [one.meta for one in left] == [sample.meta for sample in whole]
    for plane, apart in difference(finished(left), whole).items():
        if plane == "label":
            assert not apart.any()
        assert apart.max() < 1.01, plane
        # Means of levels are often exactly half-way between two; there either is right.
        assert (apart > 0.01).mean() < 0.003, plane


@pytest.mark.usefixtures("bytes_first")
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"blend": "linear"},
        {"labels": {"kernel": [4, 60], "schedule": "distance"}},
        {"labels": {"kernel": [20, 100], "schedule": "random", "relative": True}},
        {"hard_cases": {"background_only": 0.4, "similar_background": 0.7, "texture_swap": 0.5}},
    ],
)
def test_all_steps_together_give_the_engines_levels(keys: dict[str, Any]) -> None:
    every = [{"step": name, "p": 0.5, **VISIBLE.get(name, {})} for name in reversed(device_steps.list())]
    made = synthesizer(steps=every, **keys)
    left, whole = deferred(made), windows(made)
    assert {str(one.type) for one in left} == {"SO", "STM", "NS"}
    for plane, apart in difference(finished(left), whole).items():
        # A level apart before a later step can be two behind it; where next to no alpha is left, colours are anything.
        assert np.quantile(apart, 0.999) < 1.01, plane
        assert apart.mean() < 0.01, plane


def test_what_rounding_before_the_steps_costs_is_a_level() -> None:
    every = [{"step": name, "p": 0.5, **VISIBLE.get(name, {})} for name in device_steps.list()]
    made = synthesizer(steps=every)
    apart = difference(finished(deferred(made)), windows(made))
    assert apart["image"].mean() < 0.4
    assert np.quantile(apart["image"], 0.999) < 3.01
    assert (apart["label"] > 0).mean() < 0.002


def test_labels_without_running_maxima_are_those_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch has not all of them on Apple's GPUs: there the CPU finds the distances."""
    mask = torch.rand(2, 1, 20, 30, generator=torch.Generator().manual_seed(0)) > 0.8
    wanted, calls = labels._distances(mask), []
    found = torch.Tensor.cummax

    def missing(tensor: torch.Tensor, dim: int) -> Any:
        calls.append(dim)
        if len(calls) == 1:
            raise NotImplementedError("aten::_cummax_helper is not implemented for the MPS device")
        return found(tensor, dim)

    monkeypatch.setattr(torch.Tensor, "cummax", missing)
    got = labels._distances(mask)
    assert len(calls) == 2
    assert all(torch.equal(one, other) for one, other in zip(got, wanted, strict=True))


def test_trimaps_equal_those_of_the_engine_for_every_kernel() -> None:
    draw = np.random.default_rng(0)
    kernels = np.array([(k, 47 - k) for k in range(48)] + [(90, 0), (1, 101)])
    alphas, extent = np.zeros((len(kernels), 40, 44), np.uint8), []
    for i, alpha in enumerate(alphas):
        height, width, top, left = 40 - i % 7, 44 - i % 5, i % 4, i % 3
        height, width = min(height, 40 - top), min(width, 44 - left)
        part = np.zeros((height, width), np.uint8)
        y, x = draw.integers(0, (height, width))
        part[y : y + draw.integers(1, 20), x : x + draw.integers(1, 20)] = 255
        part[draw.random((height, width)) > 0.997] = 40
        alpha[top : top + height, left : left + width] = part
        extent.append((top, left, height, width))
    levels = torch.from_numpy(alphas)[:, None].float()
    none = levels[:, :0]
    planes = BatchPlanes(none, levels, none, none, torch.tensor(extent), torch.zeros(0), torch.zeros(0))
    for schedule in SCHEDULES:
        label = trimaps(planes, levels, kernels, schedule)[:, 0].numpy()
        for i, (top, left, height, width) in enumerate(extent):
            part = np.s_[i, top : top + height, left : left + width]
            expected = make_trimap(alphas[part], schedule, (int(kernels[i, 0]), int(kernels[i, 1])))
            assert np.array_equal(label[part], expected), (schedule, kernels[i])


def test_filters_mind_each_samples_own_borders() -> None:
    import cv2

    draw = np.random.default_rng(1)
    kernels = draw.random((3, 7, 7), np.float32) / 25
    extent = torch.tensor([(0, 0, 20, 24), (3, 5, 9, 11), (2, 0, 18, 20)])
    x = torch.from_numpy(draw.random((3, 2, 20, 24), np.float32))
    planes = BatchPlanes(x, x, x, x, extent, torch.zeros(0), torch.zeros(0))
    for border, code in (("reflect", cv2.BORDER_REFLECT_101), ("replicate", cv2.BORDER_REPLICATE)):
        got = filter_2d(x, torch.from_numpy(kernels), planes, border)  # type: ignore[arg-type]
        for i, (top, left, height, width) in enumerate(extent.tolist()):
            part = np.s_[i, 0, top : top + height, left : left + width]
            expected = cv2.filter2D(x[part].numpy(), -1, kernels[i], borderType=code)
            np.testing.assert_allclose(got[part].numpy(), expected, atol=1e-5)


def table(*overrides: str) -> SynthStream:
    small = ["placement.height=[100, 200]", "placement.width=[100, 200]", "labels.kernel=9"]
    small += ['foregrounds.0.generators=["toy", "net", "fog"]', 'backgrounds.0.generators=["material"]']
    return SynthStream(source="synth", recipe="demo", crop_first="fast", overrides=[*small, *overrides])


JPEG = 'steps=[{step="hsv_jitter"}, {step="jpeg", p=0.5}, {step="white_balance", p=0.5}]'


def batches(
    source: SynthStream, transform: Crop | Gca, count: int = 5
) -> tuple[DeferredBatch, dict[str, torch.Tensor]]:
    """The same positions, for the device and finished by the workers."""
    left, whole = (StreamDataset(source, transform, 7, device_compositing=on) for on in (True, False))
    return collate_deferred([left[i] for i in range(count)]), to_device(
        collate([whole[i] for i in range(count)]), "cpu"
    )


@pytest.mark.parametrize("transform", [Crop(size=64, crops=(64, 96, 128)), Gca(size=64)])
def test_a_batch_without_steps_is_the_same_to_the_last_bit(transform: Crop | Gca) -> None:
    unfinished, expected = batches(table(), transform, 6)
    got = to_device(unfinished, "cpu")
    assert not len(unfinished.done)
    assert len(set(unfinished.flip.tolist())) == 2
    assert len(set(got["type"].tolist())) == 3
    assert got.keys() == expected.keys()
    for name, tensor in got.items():
        assert tensor.dtype == expected[name].dtype
        assert tensor.shape == expected[name].shape
        assert torch.equal(tensor, expected[name]), name


def test_samples_with_a_step_of_the_cpu_come_finished_and_the_others_do_not() -> None:
    unfinished, expected = batches(table(JPEG), Crop(size=64, crops=(64, 96)), 7)
    got = to_device(unfinished, "cpu")
    done = unfinished.done.tolist()
    assert 0 < len(done) < 7
    assert got["composition_valid"].tolist() == [i not in done for i in range(7)]
    assert torch.equal(got["composition_valid"], expected["composition_valid"])
    for name in ("image", "foreground", "background", "alpha", "label"):
        assert torch.equal(got[name][done], expected[name][done]), name
        assert (got[name] - expected[name]).abs().max() <= 1.01 / 255, name


def test_crops_of_another_size_come_finished() -> None:
    """What is enlarged, or padded since its canvas is small, is so after blending."""
    for crops in ((40, 64), (210, 220)):
        unfinished, expected = batches(table(), Crop(size=64, crops=crops))
        got = to_device(unfinished, "cpu")
        assert len(unfinished.done)
        for name in ("image", "foreground", "background", "alpha", "label"):
            assert torch.equal(got[name], expected[name]), name


def test_a_sample_is_the_same_in_any_company() -> None:
    every = "steps=[" + ", ".join(f'{{step="{name}", p=0.5}}' for name in device_steps.list()) + "]"
    data = StreamDataset(table(every), Crop(size=64, crops=(64, 128)), 7, device_compositing=True)
    rows = [data[i] for i in range(3)]
    together = to_device(collate_deferred(rows), "cpu")
    for i, row in enumerate(rows):
        alone = to_device(collate_deferred([row]), "cpu")
        for name in ("image", "alpha", "label"):
            assert (alone[name][0] - together[name][i]).abs().mean() < 1e-4, name


def test_batches_travel_from_workers_as_bytes() -> None:
    unfinished, _ = batches(table(JPEG), Crop(size=64, crops=(64, 96)))
    assert {unfinished.foreground.dtype, unfinished.alpha.dtype, unfinished.background.dtype} == {torch.uint8}
    again = pickle.loads(pickle.dumps(unfinished))
    for name, tensor in to_device(unfinished, "cpu").items():
        assert torch.equal(tensor, to_device(again, "cpu")[name])


def test_who_does_what_is_said() -> None:
    assert division(table()) == "on the device; workers place the layers"
    text = "on the device; workers place the layers; apply hsv_jitter; make whole samples that get jpeg"
    assert division(table(JPEG)) == text


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives() -> None:
    every = "steps=[" + ", ".join(f'{{step="{name}", p=0.5}}' for name in steps.list() if name != "denoise") + "]"
    unfinished, _ = batches(table(every), Crop(size=64, crops=(64, 96, 128)), 16)
    expected, got = to_device(unfinished, "cpu"), to_device(unfinished.pin_memory(), "cuda")
    for name, tensor in got.items():
        apart = (tensor.float().cpu() - expected[name].float()).abs() * (1 if name in ("alpha", "label") else 255)
        assert np.quantile(apart.numpy(), 0.999) < 1.01, name


def test_filters_are_exact_and_keep_the_precision_that_a_user_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch refuses its old flag for TensorFloat-32 once one of the new ones was set."""
    conv = getattr(torch.backends.cudnn, "conv", None)
    if conv is None:
        pytest.skip("this torch has no precision for each operation")
    seen: list[str] = []
    convolve = filters.conv2d
    monkeypatch.setattr(filters, "conv2d", lambda *a, **k: (seen.append(conv.fp32_precision), convolve(*a, **k))[1])
    before = conv.fp32_precision
    plane = torch.rand(1, 1, 8, 8)
    planes = BatchPlanes(plane, plane, plane, plane, torch.tensor([[0, 0, 8, 8]]), torch.zeros(1, 2), torch.ones(1))
    try:
        for chosen in ("ieee", "tf32"):
            conv.fp32_precision = chosen
            filter_2d(plane, torch.ones(1, 3, 3), planes, "reflect")
            assert conv.fp32_precision == chosen
    finally:
        conv.fp32_precision = before
    assert seen == ["ieee", "ieee"]
