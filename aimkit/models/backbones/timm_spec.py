"""The facts about a timm architecture that its use as a backbone needs; plain data, read without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from aimkit.models.backbones.size_rule import SizeRule

KINDS = ("pyramid", "flat", "irregular")


@dataclass(frozen=True)
class TimmSpec:
    """The measured facts of one architecture.

    Attributes:
        name: Name in timm, with a tag where the tag matters.
        module: Name of timm's module.
        params: Number of parameters of the feature extractor, in millions.
        kind: ``pyramid`` (one map at each of 4, 8, 16, 32, and perhaps finer ones), ``flat`` (all maps at one stride),
            or ``irregular``.
        strides: Measured stride of each map in pixels of the image, rounded to a power of two.
        channels: Number of channels of each map.
        size: Rule of the input sizes that it takes.
        keywords: Keywords of ``timm.create_model``.
        layout: Layout of its maps, ``NCHW`` or ``NHWC``.
        unused: Names of parameters and modules that get no gradient from the maps.
    """

    name: str
    module: str
    params: float
    kind: str
    strides: tuple[int, ...]
    channels: tuple[int, ...]
    size: SizeRule = field(default_factory=SizeRule)
    keywords: dict[str, Any] = field(default_factory=dict)
    layout: str = "NCHW"
    unused: tuple[str, ...] = ()

    def to_row(self) -> dict[str, str]:
        """The facts as strings, for a table or a cache."""
        row = asdict(self) | {"size": str(self.size), "params": f"{self.params:.3f}"}
        for key in ("strides", "channels", "unused"):
            row[key] = " ".join(map(str, getattr(self, key)))
        row["keywords"] = " ".join(f"{key}={json.dumps(v, separators=(',', ':'))}" for key, v in self.keywords.items())
        return row

    @classmethod
    def from_row(cls, row: dict[str, str]) -> TimmSpec:
        """The inverse of :meth:`to_row`; further columns are ignored."""
        pairs = (text.partition("=") for text in row["keywords"].split())
        keywords = {key: json.loads(value) for key, _, value in pairs}
        return cls(
            name=row["name"],
            module=row["module"],
            params=float(row["params"]),
            kind=row["kind"],
            strides=tuple(map(int, row["strides"].split())),
            channels=tuple(map(int, row["channels"].split())),
            size=SizeRule.parse(row["size"]),
            keywords={key: tuple(value) if isinstance(value, list) else value for key, value in keywords.items()},
            layout=row["layout"],
            unused=tuple(row["unused"].split()),
        )
