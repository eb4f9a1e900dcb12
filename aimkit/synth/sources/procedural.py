"""Procedural foregrounds and backgrounds, drawn by generators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PlainValidator, SerializeAsAny

from aimkit.bounds import Many, Text
from aimkit.errors import AimkitError
from aimkit.generators import GeneratorBlock, background_generators, generators
from aimkit.recipe import Block, named
from aimkit.registry import Registry
from aimkit.synth.source import BackgroundBlock, ForegroundBlock, Item, background_sources, foreground_sources
from aimkit.types import Float, Foreground

_Generator = Annotated[SerializeAsAny[GeneratorBlock], PlainValidator(named(generators, "generator"))]
_Background = Annotated[SerializeAsAny[GeneratorBlock], PlainValidator(named(background_generators, "generator"))]


class ProceduralBlock(Block):
    """Keys of both procedural sources.

    Attributes:
        variants: Number of items of each generator. Every load draws a new picture; the number only sets the share of
            a generator in a pass over all items.
        licence: Licence of the images; "generated" by default.
    """

    variants: Many = 1
    licence: Text = "generated"


class ProceduralForegrounds(ProceduralBlock, ForegroundBlock):
    """Generators of foregrounds; each generator has an image type.

    Attributes:
        generators: Names, or tables with parameters: ``["smoke", {generator = "fur", ...}]``; all of
            aimkit's when empty. Those of plugins must be named, so that a recipe draws the same everywhere.
        type: Image type of the generators that are used; "infer" uses all types.
    """

    source: Literal["procedural"] = "procedural"
    generators: Annotated[list[_Generator], Field(max_length=256)] = Field(default_factory=list)


class ProceduralBackgrounds(ProceduralBlock, BackgroundBlock):
    """Generators of backgrounds.

    Attributes:
        generators: Names, or tables with parameters; all of aimkit's when empty.
    """

    source: Literal["procedural"] = "procedural"
    generators: Annotated[list[_Background], Field(max_length=256)] = Field(default_factory=list)


@dataclass
class DrawnForegrounds:
    """Foregrounds that generators draw; see :class:`aimkit.synth.source.ForegroundSource`.

    Attributes:
        items: What can be drawn.
        blocks: Generator and parameters of every item, in the same order.
    """

    items: Sequence[Item]
    blocks: Sequence[GeneratorBlock]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        """Draw a picture of this size."""
        block, item = self.blocks[position], self.items[position]
        entry = generators.get(block.generator)
        return replace(entry.value(block, size, rng), category=item.category, floats=entry.info.floats)


@dataclass
class DrawnBackgrounds:
    """Backgrounds that generators draw; see :class:`aimkit.synth.source.BackgroundSource`.

    Attributes:
        items: What can be drawn.
        blocks: Generator and parameters of every item, in the same order.
    """

    items: Sequence[Item]
    blocks: Sequence[GeneratorBlock]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Float:
        """Draw a picture of this size."""
        block = self.blocks[position]
        return background_generators.get(block.generator).value(block, size, rng)


@foreground_sources.register("procedural", params=ProceduralForegrounds)
def procedural_foregrounds(block: ProceduralForegrounds) -> DrawnForegrounds:
    """Foregrounds with exact alpha and colour, drawn at any size by the generators."""
    chosen = []
    for name, one in _named(block.generators or _all(generators)):
        info = generators.get(one.generator).info
        if block.type in ("infer", str(info.type)):
            chosen.append((name, one, info.type, block.category or info.category))
    if not chosen:
        raise AimkitError(
            f"no generator draws type {block.type}",
            f"{block.title}, generators",
            "list them with: aimkit preview --generators",
        )
    items, blocks = [], []
    for name, one, kind, category in chosen:
        for number in range(block.variants):
            items.append(Item(f"{name}/{number}", block.title, kind, category, block.licence, block.origin))
            blocks.append(one)
    return DrawnForegrounds(items, blocks)


@background_sources.register("procedural", params=ProceduralBackgrounds)
def procedural_backgrounds(block: ProceduralBackgrounds) -> DrawnBackgrounds:
    """Backgrounds drawn at any size by the generators."""
    items, blocks = [], []
    for name, one in _named(block.generators or _all(background_generators)):
        for number in range(block.variants):
            items.append(Item(f"{name}/{number}", block.title, licence=block.licence, origin=block.origin))
            blocks.append(one)
    return DrawnBackgrounds(items, blocks)


def _all(registry: Registry[Any, Any]) -> list[GeneratorBlock]:
    own = [entry for entry in registry if entry.value.__module__.startswith("aimkit.")]
    return [entry.info.params(generator=entry.name) for entry in own]


def _named(blocks: Sequence[GeneratorBlock]) -> list[tuple[str, GeneratorBlock]]:
    """Name each generator; a repeated generator, with other parameters, gets a number."""
    seen: dict[str, int] = {}
    result = []
    for one in blocks:
        seen[one.generator] = seen.get(one.generator, 0) + 1
        number = seen[one.generator]
        result.append((one.generator if number == 1 else f"{one.generator}-{number}", one))
    return result
