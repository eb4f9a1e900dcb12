"""The recipe of a training run."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from aimkit.bounds import Count, CountOrNone, Many, Name, Options, Share, Text, Weight, Within
from aimkit.data.streams import StreamBlock, SynthStream, streams
from aimkit.data.transforms import SquareCrop, Transform, transforms
from aimkit.errors import AimkitError
from aimkit.recipe import Block, Recipe, named
from aimkit.train.trackers import Tracker

StreamEntry = Annotated[SerializeAsAny[StreamBlock], PlainValidator(named(streams, "source"))]
TransformEntry = Annotated[SerializeAsAny[Transform], PlainValidator(named(transforms, "transform"))]


class Model(Block):
    """Table ``model``: the network.

    Attributes:
        name: Name of a registered network.
        backbone: Name of its backbone.
        pretrained: Whether to start from the backbone's pretrained weights.
        init: Weights to start from: a zoo id, a file or a run. Tensors that fit are loaded, the others are listed.
        options: Keywords of the network, such as ``fusion = "soft"``. Options left out are taken from ``init`` if it
            holds the same network on the same backbone.
        freeze_norm: Whether batch norm keeps its statistics; for small batches.
        checkpoint_activations: Whether the backward pass computes the backbone's activations again, to save memory.
    """

    name: Name = "aimnet"
    backbone: Name = "resnet34_mp"
    pretrained: bool = False
    init: Text | None = None
    options: Options = Field(default_factory=dict)
    freeze_norm: bool = False
    checkpoint_activations: bool = False


class DataTable(Block):
    """Table ``data``: the training data.

    Attributes:
        train: Stream of samples.
        transform: Transform of a sample to the size of the network's input.
        workers: Number of processes that make samples; 0 makes them in the training process.
    """

    train: StreamEntry
    transform: TransformEntry
    workers: Annotated[int, Field(ge=0, le=1024)] = 2


class Optim(Block):
    """Table ``optim``: optimiser and learning-rate schedule.

    Attributes:
        name: "adam" (the paper's) or "adamw".
        lr: Learning rate.
        weight_decay: Weight decay; biases and normalisation layers have none.
        betas: Decay rates of Adam's two moments.
        schedule: "constant" (the paper's) or "cosine".
        warmup: Number of steps of linear warm-up.
        floor: Last learning rate of the cosine, as a share of ``lr``, in [0, 1].
        backbone_factor: Learning rate of the backbone, as a share of ``lr``; 0 freezes it and skips its backward pass.
        freeze_backbone: Number of steps at the start in which the backbone is frozen; its backward pass is skipped.
        only: Names of the modules that learn, such as "matting" or "semantic.head"; the others keep their weights and
            batch-norm statistics. Empty: all learn.
        clip: Largest norm of the gradient; larger ones are scaled down. None does not clip.
        fused: Whether a step is one kernel for all parameters: faster on a GPU, and with fp16 the only way that does
            not wait for the device. The last bits differ.
    """

    name: Literal["adam", "adamw"] = "adamw"
    lr: Annotated[float, Field(gt=0, le=1e30)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    betas: Annotated[tuple[float, float], Within(0, 0.999999)] = (0.9, 0.999)
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: CountOrNone = 0
    floor: Share = 0.01
    backbone_factor: Annotated[float, Field(ge=0, le=1000)] = 1.0
    freeze_backbone: CountOrNone = 0
    only: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    clip: Annotated[float, Field(gt=0, le=1e6)] | None = None
    fused: bool = False


class Validation(Block):
    """Table ``validation``.

    Attributes:
        data: Stream of held-out samples; None skips validation.
        count: Number of samples, from position 0 of the stream.
        every: Steps between validations; the last step always has one.
        size: Side of the square, in pixels, that samples are fitted into first.
        gallery: Number of samples whose predictions are kept as pictures.
    """

    data: StreamEntry | None = None
    count: Many = 24
    every: Count = 500
    size: Annotated[int, Field(ge=32, le=16384)] = 512
    gallery: Annotated[int, Field(ge=0, le=1000)] = 6


class TrainRecipe(Recipe):
    """A training run.

    Attributes:
        stage: "semantic" (the classes alone: AimNet's matting decoder is neither run nor trained), "saliency"
            (pre-training without Laplacian and composition loss) or "matting".
        parity: Whether losses are computed as the reference does.
        steps: Number of optimiser steps.
        batch: Number of samples in a step, over all processes and accumulated batches.
        accumulate: Number of batches that a step is split into, to save memory.
        precision: "fp32", "bf16" or "fp16".
        ema: Decay of the moving average of the weights, such as 0.999, or None. The average is validated and kept. It
            forgets faster in the first steps, see ``average.MovingAverage``.
        channels_last: Whether to use the memory format channels_last: faster on GPUs, can crash on CPUs.
        compile: Whether to use torch.compile.
        cudnn_benchmark: Whether cuDNN tries its algorithms for each new size and keeps the fastest: worth it on a GPU
            when all batches have one size. The choice may differ from run to run, and with it the last bits.
        device_compositing: Whether steps, blending and labels run on the network's device, so that workers only place
            crops. Needs live composites with ``crop_first = "fast"`` and the transform "crop" or "gca".
        guard: The run stops when the loss exceeds its moving average by this factor.
        model: Table of the network.
        data: Table of the training data.
        optim: Table of optimiser and schedule.
        weights: Weights of loss terms, by name; they replace the architecture's own.
        validation: Table of the validation.
        checkpoint_every: Steps between checkpoints.
        keep: Number of checkpoints to keep, besides the best.
        log_every: Steps between log lines. Losses are read from a GPU only this often, and before each validation and
            checkpoint. So ``guard``, or a signal to one of several processes, may stop a run on GPUs this late.
        trackers: Where curves go besides the run's own page: "tensorboard", "wandb", "mlflow", "trackio". The older
            key ``tensorboard = true`` means ``trackers = ["tensorboard"]``.
    """

    outside_digest: ClassVar[frozenset[str]] = frozenset(
        {"checkpoint_every", "keep", "log_every", "trackers", "tensorboard", "cudnn_benchmark", "optim.fused"}
        | {"data.workers", "data.train.keep", "validation.data.keep"}
    )

    kind: Literal["train"] = "train"
    stage: Literal["semantic", "saliency", "matting"] = "matting"
    parity: bool = False
    steps: Count
    batch: Annotated[int, Field(ge=1, le=65536)] = 16
    accumulate: Annotated[int, Field(ge=1, le=65536)] = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    channels_last: bool = False
    compile: bool = False
    cudnn_benchmark: bool = False
    device_compositing: bool = False
    guard: Annotated[float, Field(gt=1, le=1e12)] = 50.0
    model: Model = Model()
    data: DataTable
    optim: Optim = Optim()
    weights: Annotated[dict[Name, Weight], Field(max_length=64)] = Field(default_factory=dict)
    validation: Validation = Validation()
    checkpoint_every: Count = 500
    keep: Many = 2
    log_every: Count = 20
    trackers: Annotated[tuple[Tracker, ...], Field(max_length=8)] = ()

    @model_validator(mode="before")
    @classmethod
    def _the_older_key(cls, data: Any) -> Any:
        """Runs that were started with the older key can be resumed."""
        if isinstance(data, dict) and isinstance(data.get("tensorboard"), bool):
            data = dict(data)
            others = [name for name in data.get("trackers", []) if name != "tensorboard"]
            if data.pop("tensorboard"):
                data["trackers"] = ["tensorboard", *others]
        return data

    @model_validator(mode="after")
    def _can_composite_on_the_device(self) -> TrainRecipe:
        if not self.device_compositing:
            return self
        train, transform = self.data.train, self.data.transform
        what, off = "device_compositing needs", ", or device_compositing = false"
        if not isinstance(train, SynthStream):
            raise AimkitError(f"{what} live composites, not '{train.source}'", "data.train.source", f'use "synth"{off}')
        if not isinstance(transform, SquareCrop):
            where, hint = "data.transform.transform", f'use "crop" or "gca"{off}'
            raise AimkitError(f"{what} crops, not '{transform.transform}'", where, hint)
        if train.crop_first != "fast":
            where, hint = "data.train.crop_first", f'set crop_first = "fast"{off}'
            raise AimkitError(f"{what} crops that are placed at their final size", where, hint)
        return self

    @model_validator(mode="after")
    def _known_terms(self) -> TrainRecipe:
        from aimkit.models.registry import models
        from aimkit.train.objectives import term_weights

        if self.model.name in models:
            try:
                term_weights(self.model.name, self.stage, self.model.options, self.weights)
            except AimkitError as error:
                raise ValueError("; ".join(filter(None, (f"weights: {error.what}", error.hint)))) from None
        return self
