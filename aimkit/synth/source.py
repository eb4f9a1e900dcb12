"""Where foregrounds and backgrounds come from.

A source is a list of items and a way to load one. It is registered under the name that recipes use, together with
the parameter block that reads its table; ``open`` is pure: the same block gives the same items in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import AfterValidator, Field

from aimkit.recipe import Block
from aimkit.redact import redact_urls
from aimkit.registry import Registry
from aimkit.types import Float, Foreground, ImageType


@dataclass(frozen=True)
class Item:
    """What is known of a foreground or background without decoding it.

    Attributes:
        id: Stable name within the source: the path relative to its root without suffix, or a generator's name.
        source: Name of the source, for provenance and licences.
        type: Image type; None for backgrounds.
        category: animal, portrait, ..., or "".
        licence: SPDX id or a few words; "" when nobody said.
        origin: Where it can be had, as a URL or a few words.
        digest: SHA-256 of the file's bytes (of the colour and alpha files one after the other), or "" when the item
            is made and not read.
    """

    id: str
    source: str
    type: ImageType | None = None
    category: str = ""
    licence: str = ""
    origin: str = ""
    digest: str = ""


class ForegroundSource(Protocol):
    """Foregrounds to be composited.

    A source of stored pictures may also have ``picture(position)``, which gives an
    :class:`aimkit.synth.pyramid.ImagePyramid` of the same pixels; the engine then touches only those that it needs.
    Sources with ``mapped = True`` open theirs at no cost; those of the others may be kept for later samples.
    """

    items: Sequence[Item]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        """Read or make the foreground of ``items[position]``.

        Args:
            position: Index into ``items``.
            size: (height, width) that the sample wants; sources that can draw at any size use it, files keep theirs.
            rng: A stream for sources that draw; files ignore it.

        Raises:
            AimkitError: It can't be read; the engine sets it aside and draws another.
        """
        ...


class BackgroundSource(Protocol):
    """Backgrounds to composite on; ``picture(position)`` as for foregrounds."""

    items: Sequence[Item]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Float:
        """Read or make a background: RGB, float32 in [0, 1], (h, w, 3). Arguments as for foregrounds."""
        ...


#: A text that goes into the provenance of every sample.
Told = Annotated[str, AfterValidator(redact_urls)]


class SourceBlock(Block):
    """Keys that every source has.

    Attributes:
        source: Registered name of the kind of source.
        name: What provenance calls it; the kind when empty.
        weight: Share of the draws, relative to the other sources (selection "draw"); 0 leaves the source out.
        repeat: How often every item comes in one pass (selection "enumerate").
        licence: Licence of the images.
        origin: Where the images come from.
    """

    source: str
    name: str = ""
    weight: float = Field(1.0, ge=0)
    repeat: int = Field(1, ge=1)
    licence: Told = ""
    origin: Told = ""

    @property
    def title(self) -> str:
        """The name, or the kind of the source when it has none."""
        return self.name or self.source


class ForegroundBlock(SourceBlock):
    """Keys that every foreground source has.

    Attributes:
        type: SO, STM, NS, or "infer" from the alpha.
        category: Category of every item that no types file names.
    """

    type: Literal["SO", "STM", "NS", "infer"] = "infer"
    category: str = ""


class BackgroundBlock(SourceBlock):
    """Keys that every background source has."""


foreground_sources: Registry[Callable[[Any], ForegroundSource]] = Registry(
    "foreground source", ["aimkit.synth.sources"]
)
background_sources: Registry[Callable[[Any], BackgroundSource]] = Registry(
    "background source", ["aimkit.synth.sources"]
)
