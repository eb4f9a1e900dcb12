"""Evaluation recipes: which data, which strategy, which definitions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aimkit.bounds import CountOrNone, Name, Options, Text
from aimkit.recipe import Block, Recipe


class DataBlock(Block):
    """What is evaluated on.

    Attributes:
        kind: A known dataset as published ("aim500", "am2k", "p3m-500-p", "p3m-500-np", "ppm-100";
            ``aimkit catalog ls``), "folder" (original/ and mask/, or image/ and alpha/; trimap/ and a types file when there are), or "hf:NAME"
            (a Hugging Face dataset with image, alpha, type, category).
        root: The folder of a known dataset, or of "folder".
        types: Types file; ``aim_category_type.json`` or ``types.json`` below the root when empty.
        split: Split of a Hugging Face dataset; its only one when empty.
        trimap_kernel: Elliptical kernel in pixels of trimaps that must be made.
        limit: Use only the first so many images, by name; 0 means all.
    """

    kind: Text = "aim500"
    root: Text = ""
    types: Text = ""
    split: Name = ""
    trimap_kernel: Annotated[int, Field(ge=1, le=1000)] = 30
    limit: CountOrNone = 0


class StrategyBlock(Block):
    """How a network is applied to a photo.

    Attributes:
        name: A strategy: hybrid, resize, whole, tiled; what the network is meant for when empty.
        options: Its keywords, such as ``semantic_scale``; the network's own scales by default.
    """

    name: Name = ""
    options: Options = Field(default_factory=dict)


class MetricsBlock(Block):
    """Which definitions are used.

    Attributes:
        grad: "aim" or "matlab".
        conn: "mended", or "parity" for the reference's, which gives an empty prediction no error.
    """

    grad: Literal["aim", "matlab"] = "aim"
    conn: Literal["mended", "parity"] = "mended"


class EvaluateRecipe(Recipe):
    """The root table.

    Attributes:
        model: Registered network; what the weights say, else AimNet, when empty.
        backbone: Its backbone; what the weights say, else ``resnet34_mp``, when empty.
        weights: A file or a zoo id.
        data: What is evaluated on.
        strategy: How the network is applied.
        metrics: Which definitions are used.
    """

    kind: Literal["evaluate"] = "evaluate"  # type: ignore[assignment]
    model: Text = ""
    backbone: Name = ""
    weights: Text = ""
    data: DataBlock = DataBlock()
    strategy: StrategyBlock = StrategyBlock()
    metrics: MetricsBlock = MetricsBlock()
