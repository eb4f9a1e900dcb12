"""The ``output`` table of a recipe: how samples are stored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aimkit.recipe import Block


class Output(Block):
    """How samples are stored; none of it changes the samples themselves.

    Attributes:
        format: Dataset format: "folder", "parquet" or "webdataset".
        image: File format of the composite, "png" or "jpg"; labels, alpha and planes are always PNG.
        quality: JPEG quality of the composite, 1 to 100.
        planes: Whether to store foreground and background too.
        shard_size: Number of samples in a shard, the unit of work.
        max_failures: Share of the samples, in [0, 1], that may hit an unreadable source image before the run stops.
    """

    format: Literal["folder", "parquet", "webdataset"] = "folder"
    image: Literal["png", "jpg"] = "png"
    quality: int = Field(95, ge=1, le=100)
    planes: bool = False
    shard_size: int = Field(100, ge=1)
    max_failures: float = Field(0.05, ge=0, le=1)
