"""The ``output`` table of a recipe: how samples are stored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aimkit.bounds import Many, Share
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
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    planes: bool = False
    shard_size: Many = 100
    max_failures: Share = 0.05
