"""Sources of foregrounds and backgrounds.

A source is a list of items and a way to load one. A function that opens it is registered under the name that recipes
use, together with the block that validates the recipe's table (``params``). Opening is pure: the same block gives the
same items in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import AfterValidator

from aimkit.bounds import Many, Name, Text, Weight
from aimkit.recipe import Block
from aimkit.redact import redact_urls
from aimkit.registry import Registry
from aimkit.storage import Place, place
from aimkit.types import Float, Foreground, ImageType


@dataclass(frozen=True)
class Item:
    """A foreground or background of a source, not decoded.

    Attributes:
        id: Stable name within the source: the path relative to its root without suffix, or a generator's name.
        source: Name of the source, for provenance and licences.
        type: Image type; None for backgrounds.
        category: Category such as "animal" or "portrait", or "".
        licence: Licence as an SPDX id or a few words; "" if unknown.
        origin: Where the image comes from, as a URL or a few words, or "".
        digest: SHA-256 (hex) of the file's bytes (of the colour and alpha files one after the other); "" if the item
            is generated.
    """

    id: str
    source: str
    type: ImageType | None = None
    category: str = ""
    licence: str = ""
    origin: str = ""
    digest: str = ""


class ForegroundSource(Protocol):
    """A source of foregrounds.

    A source of stored pictures may also have ``picture(position)``, which returns the same pixels as an
    :class:`aimkit.synth.pyramid.ImagePyramid`; the engine then reads only the pixels that it needs. Sources with
    ``mapped = True`` open pictures at no cost; the pictures of other sources may be cached for later samples. A source
    whose pictures have shadow layers has ``shadow(position)``, a :class:`aimkit.synth.pyramid.ShadowPyramid` or None.

    Attributes:
        items: What can be loaded.
    """

    items: Sequence[Item]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        """Read or generate the foreground of ``items[position]``.

        Args:
            position: Index into ``items``.
            size: (height, width) of the sample in pixels. Generators draw at this size; stored pictures keep theirs.
            rng: Random numbers for generators; stored pictures ignore them.

        Raises:
            AimkitError: The picture can't be read; the engine quarantines it and draws another.
        """
        ...


class BackgroundSource(Protocol):
    """A source of backgrounds; ``picture(position)`` as for :class:`ForegroundSource`.

    Attributes:
        items: What can be loaded.
    """

    items: Sequence[Item]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Float:
        """Read or generate a background: RGB, float32 in [0, 1], (h, w, 3); arguments as for foregrounds."""
        ...


#: A text that goes into the provenance of every sample.
Told = Annotated[str, AfterValidator(redact_urls)]


class SourceBlock(Block):
    """Keys that every source has.

    Attributes:
        source: Kind of source, by registered name.
        name: Name of the source in the provenance; the kind when empty.
        weight: Share of the draws relative to the other sources (selection "draw"); 0 disables the source.
        repeat: How often every item occurs in one pass (selection "enumerate").
        licence: Licence of the images, as an SPDX id or a few words.
        origin: Where the images come from, as a URL or a few words.
    """

    source: Name
    name: Name = ""
    weight: Weight = 1.0
    repeat: Many = 1
    licence: Annotated[Text, AfterValidator(redact_urls)] = ""
    origin: Annotated[Text, AfterValidator(redact_urls)] = ""

    @property
    def title(self) -> str:
        """The name, or the kind of source if the name is empty."""
        return self.name or self.source

    def searched(self) -> list[Place]:
        """The folders whose files become items, with their subfolders; nothing may be written there."""
        path = getattr(self, "path", "")
        return [place(path)] if path else []


class ForegroundBlock(SourceBlock):
    """Keys that every foreground source has.

    Attributes:
        type: Image type of all items: "SO", "STM", "NS", or "infer" to infer each from its alpha.
        category: Category of the items that a types file does not name.
    """

    type: Literal["SO", "STM", "NS", "infer"] = "infer"
    category: Name = ""


class BackgroundBlock(SourceBlock):
    """Keys that every background source has."""


foreground_sources: Registry[Callable[[Any], ForegroundSource]] = Registry(
    "foreground source", ["aimkit.synth.sources"], plugins="aimkit.sources"
)
background_sources: Registry[Callable[[Any], BackgroundSource]] = Registry(
    "background source", ["aimkit.synth.sources"], plugins="aimkit.sources"
)
