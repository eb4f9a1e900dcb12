"""The recipe of a training run."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from aimkit.data.streams import StreamBlock, Synth, streams
from aimkit.data.transforms import Crop, Gca, TransformBlock, transforms
from aimkit.errors import AimkitError
from aimkit.recipe import Block, Recipe, named

StreamEntry = Annotated[SerializeAsAny[StreamBlock], PlainValidator(named(streams, "source"))]
TransformEntry = Annotated[SerializeAsAny[TransformBlock], PlainValidator(named(transforms, "transform"))]
Share = Annotated[float, Field(gt=0, lt=1)]


class Model(Block):
    """The network.

    Attributes:
        name: Registered network.
        backbone: Backbone name.
        pretrained: Start from the backbone's pretrained weights.
        init: Start from these weights, a zoo id or a file; what fits is loaded, the rest is listed.
        options: Keywords of the network, such as ``fusion = "soft"``.
        freeze_norm: Keep the statistics of normalisation layers as they are; for small batches.
        checkpoint_activations: Compute the backbone twice instead of keeping its activations.
    """

    name: str = "aimnet"
    backbone: str = "resnet34_mp"
    pretrained: bool = False
    init: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    freeze_norm: bool = False
    checkpoint_activations: bool = False


class DataTable(Block):
    """What it is trained on.

    Attributes:
        train: The stream.
        transform: From its samples to the network's size.
        workers: Processes that make samples.
    """

    train: StreamEntry
    transform: TransformEntry
    workers: int = Field(2, ge=0)


class Optim(Block):
    """Optimiser and schedule.

    Attributes:
        name: "adam" (the paper) or "adamw".
        lr: Learning rate.
        weight_decay: Of weights; biases and normalisation layers have none.
        betas: Of Adam.
        schedule: "constant" (the paper) or "cosine".
        warmup: Steps of linear warm-up.
        floor: Where the cosine ends, as a share of ``lr``.
        backbone_factor: Learning rate of the backbone, as a share of ``lr``; 0 freezes it, and its backward pass
            is left out.
        freeze_backbone: First steps in which the backbone does not learn.
        clip: Largest norm of the gradient.
    """

    name: Literal["adam", "adamw"] = "adamw"
    lr: float = Field(1e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: int = Field(0, ge=0)
    floor: float = Field(0.01, ge=0, le=1)
    backbone_factor: float = Field(1.0, ge=0)
    freeze_backbone: int = Field(0, ge=0)
    clip: float | None = Field(None, gt=0)


class Validation(Block):
    """Validation.

    Attributes:
        data: Stream of the held-out samples; none by default.
        count: Samples, from its position 0.
        every: Steps between validations; there is one at the end in any case.
        size: Samples are fitted into a square of that side first.
        gallery: Samples whose predictions are kept as pictures.
    """

    data: StreamEntry | None = None
    count: int = Field(24, ge=1)
    every: int = Field(500, ge=1)
    size: int = Field(512, ge=32)
    gallery: int = Field(6, ge=0)


class TrainRecipe(Recipe):
    """A training run.

    Attributes:
        stage: "duts" (saliency: no Laplacian, no composition loss) or "matting".
        parity: Compute the losses as the reference does.
        steps: Optimiser steps.
        batch: Samples of a step, over all processes and accumulated batches.
        accumulate: Batches that a step is split into, to save memory.
        precision: "fp32", "bf16" or "fp16".
        ema: Decay of the moving average of the weights, for example 0.999; it is what gets validated and kept. The
            average of few steps forgets faster, see ``setup.average_weights``.
        channels_last: Memory format; faster on GPUs, can crash on CPUs.
        compile: Use torch.compile.
        device_compositing: Apply steps, blend and label on the device of the network; workers only place crops. Needs
            live composites with ``crop_first = "fast"`` and the transform "crop" or "gca".
        guard: Stop when the loss is that many times its moving average.
        model: The network.
        data: What it is trained on.
        optim: Optimiser and schedule.
        weights: Weights of loss terms, by name, in place of the architecture's own.
        validation: Validation.
        checkpoint_every: Steps between checkpoints.
        keep: Checkpoints kept, besides the best.
        log_every: Steps between log lines.
        tensorboard: Write TensorBoard files too.
    """

    outside_digest: ClassVar[frozenset[str]] = frozenset(
        {"checkpoint_every", "keep", "log_every", "tensorboard"}
        | {"data.workers", "data.train.keep", "validation.data.keep"}
    )

    kind: Literal["train"] = "train"
    stage: Literal["saliency", "matting"] = "matting"
    parity: bool = False
    steps: int = Field(ge=1)
    batch: int = Field(16, ge=1)
    accumulate: int = Field(1, ge=1)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    ema: Share | None = None
    channels_last: bool = False
    compile: bool = False
    device_compositing: bool = False
    guard: float = Field(50.0, gt=1)
    model: Model = Model()
    data: DataTable
    optim: Optim = Optim()
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    validation: Validation = Validation()
    checkpoint_every: int = Field(500, ge=1)
    keep: int = Field(2, ge=1)
    log_every: int = Field(20, ge=1)
    tensorboard: bool = False

    @model_validator(mode="after")
    def _can_composite_on_the_device(self) -> TrainRecipe:
        if not self.device_compositing:
            return self
        train, transform = self.data.train, self.data.transform
        what, off = "device_compositing needs", ", or device_compositing = false"
        if not isinstance(train, Synth):
            raise AimkitError(f"{what} live composites, not '{train.source}'", "data.train.source", f'use "synth"{off}')
        if not isinstance(transform, Crop | Gca):
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
