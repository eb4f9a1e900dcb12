"""Mistakes that only a GPU would show, planted one by one: the pretended GPU finds all of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from pretended_gpu import CUDA, GpuCounts

from aimkit.bench.gpu.right import batch
from aimkit.data import loader
from aimkit.data.device import noise, planes
from aimkit.data.device.noise import noise as added_noise
from aimkit.data.device.planes import BatchPlanes
from aimkit.models import base, blocks
from aimkit.models.base import MattingModel
from aimkit.predict import Predictor
from aimkit.predict.runtime import torch as runtime
from aimkit.train import losses, objectives
from aimkit.train.average import MovingAverage

Make = Callable[[], MattingModel]


def learn(tiny: Make, gpu: GpuCounts) -> None:
    """Forward and backward, with losses, scores and the moving average."""
    network = tiny().to("cuda")
    average = MovingAverage(network, 0.9)
    data = loader.to_device(batch(2, 64), CUDA)
    gpu.clear()
    output = network(network.preprocess(data["image"]))
    terms = objectives.compute("aimnet", network, output, data, objectives.term_weights("aimnet", "matting", {}))
    torch.autograd.backward(terms["total"])
    losses.semantic_scores(output.semantic, data["label"])
    average.update(network)
    average.update(network)
    if gpu.waits:
        raise RuntimeError(f"the host waits in {', '.join(gpu.waits)}")


def predict(tiny: Make, gpu: GpuCounts) -> None:
    Predictor(tiny(), "whole", device="cuda", precision="fp32")(np.zeros((64, 64, 3), np.uint8))


def composite(tiny: Make, gpu: GpuCounts) -> None:
    """The parts of the compositing that make tensors of their own."""
    plane = torch.zeros(2, 3, 8, 8, device=CUDA)
    places = planes.sent(np.array([[0, 0, 8, 8]] * 2), CUDA)
    scene = BatchPlanes(plane, plane[:, :1], plane, plane, places, places[:, :2], torch.ones(2, device=CUDA))
    torch.where(scene.inside(), plane, 0)
    plane + added_noise(scene, planes.sent(np.zeros((2, 2), np.int64), CUDA))


@dataclass(frozen=True)
class Mistake:
    """A function that is replaced by ``wrong``, which is given the right one, and the work that uses it."""

    owner: Any
    name: str
    wrong: Callable[..., Any]
    work: Callable[[Make, GpuCounts], None] = learn


def on_cpu(right: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    return right(*args, **keywords).cpu()


def constants_on_cpu(right: Any, image: torch.Tensor, preprocessing: Any) -> torch.Tensor:
    return (image - torch.tensor(preprocessing.mean)[:, None, None]) / torch.tensor(preprocessing.std)[:, None, None]


def without_labels(right: Any, data: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    return {**right(data, device), "label": data["label"].float()}


def average_on_cpu(right: Any, self: MovingAverage, network: torch.nn.Module, decay: float) -> None:
    right(self, network, decay)
    state = {name: value.cpu() for name, value in network.state_dict().items()}
    self.module = copy.deepcopy(self.module)
    self.module.load_state_dict(state, assign=True)


def read_in_each_step(right: Any, prediction: torch.Tensor, *args: Any, **keywords: Any) -> torch.Tensor:
    return float(right(prediction, *args, **keywords).detach()) * prediction.mean()


def scores_by_name(right: Any, semantic: torch.Tensor, label: torch.Tensor, *names: Any) -> Any:
    found = right(semantic, label, *names)
    return {name: value for name, value in found.items() if value > 0}


def images_of_the_host(right: Any, self: Any, images: Any) -> Any:
    output = self.model(self.model.preprocess(torch.from_numpy(images)))
    return output.alpha.cpu().numpy()


def rows_of_the_host(right: Any, values: Any, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(values)


MISTAKES = {
    "mean and std on the CPU": Mistake(base, "normalise", constants_on_cpu),
    "shares of a grid on the CPU": Mistake(blocks.GridMean, "_shares", on_cpu),
    "the unknown area on the CPU": Mistake(losses, "unknown_area", on_cpu),
    "the kernel of the blur on the CPU": Mistake(losses, "_blur_kernel", on_cpu),
    "labels that are not moved": Mistake(loader, "to_device", without_labels),
    "an average on the CPU": Mistake(MovingAverage, "__init__", average_on_cpu),
    "a loss that is read in each step": Mistake(losses, "l1_alpha", read_in_each_step),
    "a branch on a score": Mistake(losses, "semantic_scores", scores_by_name),
    "a mask that selects": Mistake(losses, "laplacian", lambda right, p, t, *rest: (p - t)[t > 0].mean()),
    "images that are not moved": Mistake(runtime.TorchNetwork, "forward", images_of_the_host, predict),
    "an array without a copy": Mistake(runtime, "_array", lambda right, values: values.numpy(), predict),
    "padding on the CPU": Mistake(BatchPlanes, "inside", on_cpu, composite),
    "a bank of noise on the CPU": Mistake(noise, "_bank", on_cpu, composite),
    "small arrays that are not moved": Mistake(planes, "sent", rows_of_the_host, composite),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_found(name: str, tiny: Make, gpu: GpuCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake = MISTAKES[name]
    right = getattr(mistake.owner, mistake.name)
    monkeypatch.setattr(mistake.owner, mistake.name, lambda *args, **keywords: mistake.wrong(right, *args, **keywords))
    with pytest.raises((RuntimeError, TypeError), match=r"device|numpy|waits"):
        mistake.work(tiny, gpu)


@pytest.mark.parametrize("work", [learn, predict, composite], ids=lambda work: work.__name__)
def test_nothing_is_found_where_nothing_is_planted(
    work: Callable[[Make, GpuCounts], None], tiny: Make, gpu: GpuCounts
) -> None:
    work(tiny, gpu)
