"""Evaluation recipes: data, strategy, and definitions of the metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aimkit.bounds import CountOrNone, Name, Options, Text
from aimkit.recipe import Block, Recipe

AlphaRange = Literal["", "0-1", "0-100", "0-255", "0-65535"]


class DataBlock(Block):
    """The data of an evaluation.

    Attributes:
        kind: A published dataset ("aim500", "am2k", "p3m-500-p", "p3m-500-np", "ppm-100"; ``aimkit catalog ls``),
            "folder" (original/ and mask/, or image/ and alpha/; optionally trimap/ and a types file), or "hf:NAME" (a
            Hugging Face dataset with the columns image, alpha, type, category).
        root: Folder of the published dataset, or of "folder".
        types: Types file; ``aim_category_type.json`` or ``types.json`` below the root if empty.
        split: Split of a Hugging Face dataset; its only one if empty.
        trimap_kernel: Elliptical kernel in pixels of trimaps that are computed.
        limit: Number of images to use, the first by name; 0 for all.
        alpha_range: Scale of the true mattes: "0-1", "0-100", "0-255" or "0-65535"; decided from all of them if empty.
        prediction_range: Scale of stored predictions, in the same way.
    """

    kind: Text = "aim500"
    root: Text = ""
    types: Text = ""
    split: Name = ""
    trimap_kernel: Annotated[int, Field(ge=1, le=1000)] = 30
    limit: CountOrNone = 0
    alpha_range: AlphaRange = ""
    prediction_range: AlphaRange = ""


class StrategyBlock(Block):
    """How a network is applied to a photo.

    Attributes:
        name: Strategy: hybrid, resize, whole or tiled; the network's default if empty.
        options: Options of the strategy, such as ``semantic_scale``; the network's defaults apply to the others.
    """

    name: Name = ""
    options: Options = Field(default_factory=dict)


class MetricsBlock(Block):
    """The definitions of the metrics.

    Attributes:
        grad: Definition of Grad, "aim" or "matlab".
        conn: Definition of Conn, "corrected", or "parity" for the reference's, which gives empty predictions no error.
    """

    grad: Literal["aim", "matlab"] = "aim"
    conn: Literal["corrected", "parity"] = "corrected"


class EvaluateRecipe(Recipe):
    """The root table of an evaluation recipe.

    Attributes:
        model: Registered network; that of the weights, else AimNet, if empty.
        backbone: Backbone of the network; that of the weights, else ``resnet34_mp``, if empty.
        weights: A weights file, the folder of a training run, a zoo id, or "random".
        data: The data of the evaluation.
        strategy: How the network is applied to a photo.
        metrics: The definitions of the metrics.
    """

    kind: Literal["evaluate"] = "evaluate"  # type: ignore[assignment]
    model: Text = ""
    backbone: Name = ""
    weights: Text = ""
    data: DataBlock = DataBlock()
    strategy: StrategyBlock = StrategyBlock()
    metrics: MetricsBlock = MetricsBlock()
