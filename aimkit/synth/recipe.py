"""The recipe of a synthetic dataset: what is composited with what, how, and how much of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from aimkit.bounds import Count, Kernels, Share, Weight
from aimkit.datasets.lock import MAX_SHARDS
from aimkit.datasets.writers.output import Output
from aimkit.recipe import Block, Recipe, named
from aimkit.synth.placement import PlacementMode, placements
from aimkit.synth.source import BackgroundBlock, ForegroundBlock, background_sources, foreground_sources
from aimkit.synth.steps import Step, steps

ForegroundEntry = Annotated[SerializeAsAny[ForegroundBlock], PlainValidator(named(foreground_sources, "source"))]
BackgroundEntry = Annotated[SerializeAsAny[BackgroundBlock], PlainValidator(named(background_sources, "source"))]
PlacementEntry = Annotated[SerializeAsAny[PlacementMode], PlainValidator(named(placements, "mode"))]
StepEntry = Annotated[SerializeAsAny[Step], PlainValidator(named(steps, "step"))]
Type = Literal["SO", "STM", "NS"]


class Labels(Block):
    """How trimaps are made.

    Attributes:
        schedule: "fixed" (one elliptical kernel), "random" (dilation and erosion drawn apart for every sample) or
            "distance" (a true disc).
        kernel: Pixels, or [low, high] to draw from.
        relative: The kernel is given in thousandths of the image's short side instead of pixels.
    """

    schedule: Literal["fixed", "random", "distance"] = "fixed"
    kernel: Kernels = (30, 30)
    relative: bool = False

    @model_validator(mode="after")
    def _sensible(self) -> Labels:
        low, high = self.kernel
        if self.schedule == "fixed" and low != high:
            raise ValueError('a kernel range needs schedule = "random" or "distance"')
        return self


class HardCases(Block):
    """Samples that teach what is foreground and what is not, for recipes with few foregrounds.

    Attributes:
        background_only: Share of samples without any foreground (alpha 0 everywhere).
        similar_background: Share of samples whose background is tinted with the foreground's colours.
        texture_swap: Share of SO and STM foregrounds that show another background within their outline, at a drawn
            opacity: what has an outline is a thing, whatever it looks like.
    """

    background_only: Share = 0.0
    similar_background: Share = 0.0
    texture_swap: Share = 0.0


class SynthRecipe(Recipe):
    """A synthetic dataset.

    Attributes:
        count: Number of samples; when it is left out, every foreground comes ``repeat`` times.
        selection: "enumerate" goes through all foregrounds in a shuffled order, again and again, and through all
            backgrounds likewise; "draw" draws both by weight.
        pairing: "fresh" gives a foreground other backgrounds in every pass, "once" the same ones (the reference).
        balance: Shares of the types (selection "draw"); without it, types come as the sources have them.
        foregrounds: Foreground sources.
        backgrounds: Background sources.
        placement: How the foreground gets onto the background.
        blend: "gamma" (as all published systems) or "linear" light.
        steps: Compositing steps, applied in this order within their stage.
        labels: How trimaps are made.
        hard_cases: Shares of hard cases.
        output: How samples are stored.
    """

    outside_digest: ClassVar[frozenset[str]] = frozenset({"count", "output"})

    kind: Literal["synth"] = "synth"
    count: Count | None = None
    selection: Literal["enumerate", "draw"] = "draw"
    pairing: Literal["fresh", "once"] = "fresh"
    balance: dict[Type, Weight] = Field(default_factory=dict)
    foregrounds: Annotated[list[ForegroundEntry], Field(max_length=1000)] = Field(min_length=1)
    backgrounds: Annotated[list[BackgroundEntry], Field(max_length=1000)] = Field(min_length=1)
    placement: PlacementEntry
    blend: Literal["gamma", "linear"] = "gamma"
    steps: Annotated[list[StepEntry], Field(max_length=256)] = Field(default_factory=list)
    labels: Labels = Labels()
    hard_cases: HardCases = HardCases()
    output: Output = Output()

    @model_validator(mode="after")
    def _few_shards(self) -> SynthRecipe:
        if (self.count or 0) > MAX_SHARDS * self.output.shard_size:
            raise ValueError(f"count / output.shard_size is more than {MAX_SHARDS:,} shards: raise output.shard_size")
        return self

    @model_validator(mode="after")
    def _balance_can_be_met(self) -> SynthRecipe:
        if self.balance and self.selection != "draw":
            raise ValueError('balance needs selection = "draw"')
        if self.balance and not sum(self.balance.values()) > 0:
            raise ValueError("balance must give at least one type a share")
        return self
