"""Builds the parts of a run from its recipe: network, optimiser, moving average, data."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, GradientAccumulationPlugin
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from aimkit import console
from aimkit.data.loader import StreamDataset
from aimkit.data.sampler import PositionSampler
from aimkit.errors import AimkitError
from aimkit.models.base import MattingModel
from aimkit.models.registry import create_model
from aimkit.models.weights import declared
from aimkit.train.activations import recompute
from aimkit.train.average import MovingAverage
from aimkit.train.depthwise import keep_in_float32
from aimkit.train.optim import make_optimizer
from aimkit.train.recipe import TrainRecipe
from aimkit.train.trackers import require


@dataclass
class Parts:
    """The parts of a run.

    Attributes:
        accelerator: accelerate's handle of device, precision and processes.
        network: Bare network, whose state dict has no prefixes.
        model: Module to call in training: ``network`` wrapped for processes and compiled.
        optimizer: Optimiser, wrapped by the accelerator.
        average: Moving average of the network, or None.
        dataset: Source of the batches.
    """

    accelerator: Accelerator
    network: MattingModel
    model: Any
    optimizer: Any
    average: MovingAverage | None
    dataset: StreamDataset

    @property
    def evaluated(self) -> nn.Module:
        """The network to validate and keep: the moving average where there is one."""
        return self.network if self.average is None else self.average.module


def build(recipe: TrainRecipe, run: Path | None = None) -> Parts:
    """Build the parts of a run.

    Raises:
        AimkitError: Something that the recipe names is missing, or the machine can't do what it asks for.
    """
    require(recipe.trackers)
    # accelerate keeps the precision of the first run in a process for all others.
    AcceleratorState._reset_state()
    accelerator = Accelerator(
        # Without this, accelerate does not connect several processes that have no GPU.
        cpu=not torch.accelerator.is_available(),
        mixed_precision={"fp32": "no"}.get(recipe.precision, recipe.precision),
        # Not as a number: a variable of the environment would override it.
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=recipe.accumulate),
        project_dir=run,
        step_scheduler_with_optimizer=False,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=_lacks_gradients(recipe))],
    )
    if accelerator.device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        # Leave a core to each worker: threads of one operation wait for the slowest.
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - recipe.data.workers))
    if recipe.precision == "fp16" and accelerator.device.type == "cpu":
        raise AimkitError("fp16 needs a GPU", "precision", "use bf16 or fp32")
    if recipe.channels_last and accelerator.device.type == "cpu":
        console.warn("channels_last can crash in the backward pass on CPUs; if it does, resume the run")
    network = build_network(recipe).to(accelerator.device)
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)
    freeze(network, recipe)
    model: nn.Module = network
    torch.backends.cudnn.benchmark = recipe.cudnn_benchmark
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda" and not recipe.model.freeze_norm:
        network = model = synchronised(network)
    # With float16, only the fused optimisers leave the question whether a gradient has overflowed to the device.
    optimizer = make_optimizer(network, recipe.optim, fused=recipe.precision == "fp16")
    average = None
    if recipe.ema is not None:
        average = MovingAverage(network, recipe.ema)
    if recipe.precision == "bf16" and accelerator.device.type == "cpu":
        keep_in_float32(network)
    if recipe.compile:
        model = torch.compile(model)  # type: ignore[assignment]
    model, optimizer = accelerator.prepare(model, optimizer)
    dataset = StreamDataset(
        recipe.data.train, recipe.data.transform, recipe.seed, device_compositing=recipe.device_compositing
    )
    return Parts(accelerator, network, model, optimizer, average, dataset)


def synchronised(network: MattingModel) -> MattingModel:
    """The network with batch norms whose statistics are those of all processes; weights are shared, not copied.

    Torch's own conversion drops the activations of timm's layers that are norm and activation in one.
    """
    converted: MattingModel = convert_sync_batchnorm(network)
    return converted


def open_streams(recipe: TrainRecipe) -> None:
    """Open every stream of a run, so that missing data is an error before the first step.

    Raises:
        AimkitError: A stream can't be opened, or its first validation sample can't be made; the message has its key.
    """
    for key, block in (("data.train", recipe.data.train), ("validation.data", recipe.validation.data)):
        if block is None:
            continue
        try:
            stream = block.open(recipe.seed)
            if key == "validation.data":
                stream.sample(0)
        except AimkitError as error:
            where = f"{key}: {error.where}" if error.where else key
            raise AimkitError(error.what, where, error.hint, exit_code=error.exit_code) from None


def sampler_of(recipe: TrainRecipe, parts: Parts, start: int, stop: int) -> PositionSampler:
    """The positions of some steps, or this process's part of them."""
    accelerator = parts.accelerator
    return PositionSampler(
        start,
        stop,
        recipe.batch,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
        accumulate=recipe.accumulate,
    )


def build_network(recipe: TrainRecipe) -> MattingModel:
    """The network of a recipe, with its initial weights."""
    table = recipe.model
    # Initial weights depend on the recipe alone, not on what this process did before.
    torch.manual_seed(recipe.seed)
    network = create_model(table.name, backbone=table.backbone, pretrained=table.pretrained, **table.options)
    if lost := declared.not_stored(table.name, table.backbone, table.options):
        console.warn(
            f"the weights can't record {', '.join(lost)}: give them as model_options when you load the weights"
        )
    if table.init:
        from aimkit.models.weights.matching import load_matching

        console.info(load_matching(network, table.init).text())
        # Fine-tuned weights keep the inference defaults of the weights that they start from, of the same network only.
        told = declared.of(table.init)
        if told is not None and told.architecture == table.name:
            network.inference_defaults = told.predict
    network.semantic_only = recipe.stage == "semantic"
    if table.checkpoint_activations:
        recompute(network.backbone)
    return network


def with_options_of_weights(recipe: TrainRecipe) -> TrainRecipe:
    """The recipe, with the options of the network of ``model.init`` where it gives none of its own.

    Options without tensors, such as skip connections, would else get lost in silence: the weights fit without them.

    Raises:
        AimkitError: The weights are not found, or state an option that is refused.
    """
    table = recipe.model
    told = declared.of(table.init) if table.init else None
    if told is None or (told.architecture, told.backbone) != (table.name, table.backbone):
        return recipe
    options = declared.checked(told) | table.options
    if options == table.options:
        return recipe
    taken = {key: value for key, value in options.items() if key not in table.options}
    console.info(f"options of the weights: {', '.join(f'{key} = {json.dumps(value)}' for key, value in taken.items())}")
    return recipe.model_copy(update={"model": table.model_copy(update={"options": options})})


def freeze(network: MattingModel, recipe: TrainRecipe) -> None:
    """Take the gradients from what does not learn in the whole run, whose backward pass is then skipped.

    Raises:
        AimkitError: ``optim.only`` names what the network does not have, or nothing is left to learn.
    """
    modules = dict(network.named_modules())
    for name in recipe.optim.only:
        if name not in modules:
            parent = name.rpartition(".")[0]
            inside = parent if parent in modules else ""
            known = ", ".join(f"{inside}.{child}".lstrip(".") for child, _ in modules[inside].named_children())
            raise AimkitError(f"{recipe.model.name} has no module '{name}'", "optim.only", f"it has: {known}")
    only, without_backbone = recipe.optim.only, backbone_is_frozen(recipe)
    for name, parameter in network.named_parameters():
        learns = not only or any(name.startswith(f"{module}.") for module in only)
        if not learns or (without_backbone and name.startswith("backbone.")):
            parameter.requires_grad_(False)
    unused = "matting." if recipe.stage == "semantic" else None
    learning = (name for name, parameter in network.named_parameters() if parameter.requires_grad)
    if all(unused and name.startswith(unused) for name in learning):
        hint = 'the stage "semantic" does not train "matting"' if unused else "name a module that has weights"
        raise AimkitError("no parameter is left to learn", "optim.only", hint)


def backbone_is_frozen(recipe: TrainRecipe) -> bool:
    """Whether the backbone is frozen for the whole run."""
    optim = recipe.optim
    left_out = bool(optim.only) and not any(name.split(".")[0] == "backbone" for name in optim.only)
    return left_out or optim.backbone_factor == 0 or optim.freeze_backbone >= recipe.steps


def thaws(recipe: TrainRecipe) -> bool:
    """Whether the backbone is frozen at first and learns later."""
    return recipe.optim.freeze_backbone > 0 and not backbone_is_frozen(recipe)


def _lacks_gradients(recipe: TrainRecipe) -> bool:
    """Whether parameters that are not frozen for the whole run get no gradient in some steps."""
    return thaws(recipe) or recipe.stage == "semantic"


def train_mode(network: MattingModel, recipe: TrainRecipe, step: int) -> None:
    """Set training mode, except for frozen parts: their batch-norm statistics must not drift."""
    network.train(not recipe.optim.only)
    for name in recipe.optim.only:
        network.get_submodule(name).train()
    frozen = backbone_is_frozen(recipe) or step < recipe.optim.freeze_backbone
    if frozen:
        network.backbone.eval()
    if recipe.model.freeze_norm:
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


def network_input(network: MattingModel, image: Tensor, channels_last: bool = False) -> Tensor:
    """The image, (B, C, H, W) in [0, 1], normalised for the network, in the recipe's memory format."""
    ready = network.preprocess(image)
    return ready.contiguous(memory_format=torch.channels_last) if channels_last else ready
