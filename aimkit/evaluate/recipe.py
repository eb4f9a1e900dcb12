"""Evaluation recipes: data, strategy, and definitions of the metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aimkit.bounds import CountOrNone, Name, Options, Text
from aimkit.recipe import Block, Recipe

AlphaRange = Literal["", "0-1", "0-100", "0-255", "0-65535"]


class EvaluationColumns(Block):
    """Columns of a Hugging Face dataset; one without a name here is found by its usual name, and "" switches one off.

    Attributes:
        image: Column of photos; usually image, photo, original or composite.
        alpha: Column of mattes; usually alpha, mask, matte or trans.
        trimap: Column of trimaps.
        type: Column of types (SO, STM or NS), as text or class label.
        category: Column of categories, as text or class label.
        id: Column of the images' names; usually name, image_name or id.
    """

    image: Name | None = None
    alpha: Name | None = None
    trimap: Name | None = None
    type: Name | None = None
    category: Name | None = None
    id: Name | None = None


class DataBlock(Block):
    """The data of an evaluation.

    Attributes:
        kind: A published dataset ("aim500", "am2k", "p3m-500-p", "p3m-500-np", "ppm-100"; ``aimkit catalog ls``),
            "folder" (original/ and mask/, or image/ and alpha/; optionally trimap/ and a types file), or "hf:NAME" (a
            Hugging Face dataset with columns of photos and mattes).
        root: Folder of the published dataset, or of "folder"; "hf:NAME" for a mirror of it on the hub.
        types: Types file; ``aim_category_type.json`` or ``types.json`` below the root if empty.
        split: Split of a Hugging Face dataset; its only one if empty.
        columns: Columns of a Hugging Face dataset.
        trimap_kernel: Elliptical kernel in pixels of trimaps that are computed.
        limit: Number of images to use, the first by name; 0 for all.
        alpha_range: Scale of the true mattes: "0-1", "0-100", "0-255" or "0-65535"; decided from all of them if empty.
        prediction_range: Scale of stored predictions, in the same way.
    """

    kind: Text = "aim500"
    root: Text = ""
    types: Text = ""
    split: Name = ""
    columns: EvaluationColumns = EvaluationColumns()
    trimap_kernel: Annotated[int, Field(ge=1, le=1000)] = 30
    limit: CountOrNone = 0
    alpha_range: AlphaRange = ""
    prediction_range: AlphaRange = ""


class StrategyBlock(Block):
    """How a network is applied to a photo.

    Attributes:
        name: Strategy: hybrid, resize, whole, tiled or refined; the network's default if empty.
        options: Options of the strategy, such as ``semantic_scale``; the network's defaults apply to the others.
    """

    name: Name = ""
    options: Options = Field(default_factory=dict)


class MetricsBlock(Block):
    """The definitions of the metrics.

    Attributes:
        grad: Definition of Grad, "aim" or "matlab".
        conn: Definition of Conn, "corrected", or "parity" for the reference's, which gives empty predictions zero
            error.
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
