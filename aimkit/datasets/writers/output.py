"""How a recipe says that its samples are stored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aimkit.recipe import Block


class Output(Block):
    """How samples are stored; none of it changes their content.

    Attributes:
        format: folder, parquet or webdataset.
        image: File format of the composite; labels, alpha and planes are always lossless.
        quality: JPEG quality of the composite.
        planes: Store foreground and background too.
        shard_size: Samples in a shard, the unit of work.
        max_failures: Samples that may have had a broken source, as a share of all, before the run stops.
    """

    format: Literal["folder", "parquet", "webdataset"] = "folder"
    image: Literal["png", "jpg"] = "png"
    quality: int = Field(95, ge=1, le=100)
    planes: bool = False
    shard_size: int = Field(100, ge=1)
    max_failures: float = Field(0.05, ge=0, le=1)
