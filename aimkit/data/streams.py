"""Streams of samples: ``stream.sample(position)`` for any position from 0 up, a pure function of recipe and position.

Positions take the place of epochs and shuffling: a live stream makes a new composite for each, a finite one goes
through its samples in a new order in every pass. To resume is to continue at a position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import Field

from aimkit.bounds import Kernel, ManyOrNone, Name, Text, Texts, Weight
from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.pairs import image_alpha_pairs, published_pairs, saliency_pairs
from aimkit.errors import AimkitError
from aimkit.recipe import Block, expand, load_recipe
from aimkit.registry import Registry
from aimkit.rng import rng
from aimkit.types import ImageType, Sample

Type = Literal["SO", "STM", "NS"]


class Stream(Protocol):
    """Endless samples by position."""

    def sample(self, position: int) -> Sample:
        """The sample at a position; pure."""
        ...

    def __len__(self) -> int:
        """Number of samples in one pass."""
        ...


class StreamBlock(Block):
    """A stream as a recipe describes it. Its fields are the keys of the recipe's table.

    Attributes:
        source: Registered name.
        label: What the semantic classes are learnt from: "generalized", the label of the sample's type (trimap, duomap
            or unimap), or "trimap" whatever the type.
    """

    source: Name
    label: Literal["generalized", "trimap"] = "generalized"

    def open(self, seed: int) -> Stream:
        """Open the stream.

        Args:
            seed: Seed of the run.

        Raises:
            AimkitError: The data can't be opened, or lacks a type that is asked for.
        """
        raise NotImplementedError


class FiniteBlock(StreamBlock):
    """A stream over a finite set of stored samples.

    Attributes:
        path: Folder of the data; ``~`` and ``${NAME}`` are filled in.
        balance: Shares of the types; without it every sample is used once per pass.
        exclude: Files or samples to exclude: a list, or a text file with one per line, as in the sources of a synth
            recipe. The samples of a written dataset are named by their numbers, such as "000017".
    """

    path: Text
    balance: dict[Type, Weight] = Field(default_factory=dict)
    exclude: Text | Texts | None = None


class PairsBlock(FiniteBlock):
    """A stream over stored photos and their mattes.

    Attributes:
        alpha_range: Scale of the mattes: the levels of alpha 0 and 1; inferred from all mattes of the folder by
            default.
        allow_missing: Whether to continue with the rest when most files have no partner, or sizes differ.
    """

    alpha_range: Literal["0-1", "0-100", "0-255", "0-65535"] | None = None
    allow_missing: Literal[True] | None = None

    @property
    def _checks(self) -> dict[str, Any]:
        options = {"alpha_range": self.alpha_range or "", "allow_missing": bool(self.allow_missing)}
        return {**options, "exclude": self.exclude or []}


#: The stream classes.
streams: Registry[type[StreamBlock]] = Registry("data source", ["aimkit.data.streams"])


@streams.register("synth")
class SynthStream(StreamBlock):
    """Composites made on the fly; every position is a new one.

    Attributes:
        recipe: A synth recipe, by name or path.
        overrides: ``key=value`` texts for that recipe.
        reseed: Whether the samples depend on the training seed too; if not, two runs see the same samples.
        crop_first: For the transforms "crop" and "gca". "exact" makes only the crop, with exactly the pixels that it
            has in the whole composite; "fast" also averages colours and mattes to the crop's final size before they are
            blended; "off" makes the whole composite.
        keep: Megabytes of decoded photos that each worker caches for later samples. A few photos are then decoded only
            once; for many, a packed pool is better.
    """

    source: Literal["synth"] = "synth"
    recipe: Text
    overrides: Annotated[list[Text], Field(max_length=1000)] = Field(default_factory=list)
    reseed: bool = True
    crop_first: Literal["exact", "fast", "off"] = "exact"
    keep: ManyOrNone = 256

    def open(self, seed: int) -> Stream:
        """A synthesizer of the recipe."""
        from aimkit.synth.engine import Synthesizer

        recipe = load_recipe(self.recipe, self.overrides, kind="synth")
        if self.reseed:
            recipe = recipe.model_copy(update={"seed": int(rng(seed, "synth", recipe.seed).integers(2**31))})
        return Synthesizer(recipe, keep=self.keep * 2**20)


@streams.register("written")
class DatasetStream(FiniteBlock):
    """A dataset that ``aimkit synth`` wrote, in any of its formats."""

    source: Literal["written"] = "written"

    def open(self, seed: int) -> Stream:
        """Passes over the dataset."""
        from aimkit.datasets.reader import open_dataset

        dataset = open_dataset(self.path)
        samples = KeptSamples(dataset, dataset.kept(read_exclude(self.exclude or []))) if self.exclude else dataset
        return ShuffledStream(samples, seed, self.balance, lambda i: str(samples[i].type))


@streams.register("saliency")
class SaliencyStream(PairsBlock):
    """A saliency dataset such as DUTS-TR: images and binary masks, all salient and opaque.

    Attributes:
        image: Folder of the images below the path; found by its usual names when empty.
        mask: Folder of the masks below the path; found likewise.
        kernel: Kernel of the trimap in pixels (stage 1 of the paper: 10).
    """

    source: Literal["saliency"] = "saliency"
    image: Name = ""
    mask: Name = ""
    kernel: Kernel = 10

    def open(self, seed: int) -> Stream:
        """Passes over the pairs."""
        pairs = saliency_pairs(expand(self.path), self.image, self.mask, self.kernel, **self._checks)
        return ShuffledStream(pairs, seed, self.balance, lambda i: ImageType.SO)


@streams.register("folder")
class FolderStream(PairsBlock):
    """Photos with alpha mattes in AIM-500's layout; there is no foreground, so the composition loss skips them.

    Attributes:
        types: Types file; found next to the images when empty.
        kernel: Kernel of the trimap in pixels, for images without a trimap.
    """

    source: Literal["folder"] = "folder"
    types: Text = ""
    kernel: Kernel = 30

    def open(self, seed: int) -> Stream:
        """Passes over the pairs."""
        pairs = image_alpha_pairs(expand(self.path), self.types, self.kernel, **self._checks)
        return ShuffledStream(pairs, seed, self.balance, lambda i: pairs.types[i])


@streams.register("catalog")
class CatalogStream(PairsBlock):
    """Photos with mattes or masks of a dataset of the catalog, as its authors publish it.

    They are read like the streams "folder" and "saliency".

    Attributes:
        set: Name of the dataset: am2k, p3m10k, duts, ... (``aimkit catalog ls``).
        part: Part of the dataset; its first when empty.
        types: Types file; the dataset's own when empty.
        kernel: Kernel of the trimap in pixels; by default 10 for binary masks, 30 for mattes.
    """

    source: Literal["catalog"] = "catalog"
    set: Name
    part: Name = ""
    types: Text = ""
    kernel: Kernel | None = None

    def open(self, seed: int) -> Stream:
        """Passes over the pairs."""
        pairs = published_pairs(expand(self.path), self.set, self.part, self.types, self.kernel, **self._checks)
        return ShuffledStream(pairs, seed, self.balance, lambda i: pairs.types[i])


class KeptSamples(Sequence[Sample]):
    """Some samples of a sequence, by their positions in it."""

    def __init__(self, samples: Sequence[Sample], positions: Sequence[int]) -> None:
        self.samples, self.positions = samples, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, position: Any) -> Any:
        return self.samples[self.positions[position]]


class ShuffledStream:
    """Endless passes over a sequence, each in an order of its own, or draws that balance the types.

    Args:
        samples: Any sequence of samples.
        seed: Seed of the orders.
        balance: Shares of the types; empty for plain passes.
        type_of: Type of the i-th sample.

    Raises:
        AimkitError: The balance names a type that the samples don't have.
    """

    def __init__(
        self, samples: Sequence[Sample], seed: int, balance: dict[Any, float], type_of: Callable[[int], str]
    ) -> None:
        self.samples, self.seed, self.balance = samples, seed, balance
        self._of_type: dict[str, list[int]] = {}
        if balance:
            for i in range(len(samples)):
                self._of_type.setdefault(str(type_of(i)), []).append(i)
            missing = [name for name, share in balance.items() if share > 0 and name not in self._of_type]
            if missing:
                raise AimkitError(
                    f"balance asks for {', '.join(missing)}, but the data has no such samples",
                    "data.balance",
                    f"the data has {', '.join(sorted(self._of_type))}",
                )
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, position: int) -> Sample:
        """The sample at a position."""
        if self.balance:
            draw, shares = rng(self.seed, "balance", position), np.array(list(self.balance.values()))
            own = self._of_type[str(draw.choice(list(self.balance), p=shares / shares.sum()))]
            return self.samples[own[int(draw.integers(len(own)))]]
        turn, place = divmod(position, len(self.samples))
        return self.samples[int(self._order(turn)[place])]

    def _shuffled(self, turn: int) -> Any:
        return rng(self.seed, "pass", turn).permutation(len(self.samples))
