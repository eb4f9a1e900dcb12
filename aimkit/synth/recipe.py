"""The recipe of a synthetic dataset: foregrounds, backgrounds, how they are composited, and how many samples."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from aimkit.bounds import Count, Counts, Distances, Kernels, Share, Shares, Weight, Within
from aimkit.datasets.lock import MAX_SHARDS
from aimkit.datasets.writers.output import Output
from aimkit.recipe import Block, Range, Recipe, named
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
        schedule: "fixed" (one elliptical kernel), "random" (dilation and erosion drawn independently for every
            sample) or "distance" (a true disc).
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
            opacity: an outline makes an object, whatever its texture.
    """

    background_only: Share = 0.0
    similar_background: Share = 0.0
    texture_swap: Share = 0.0


class Distractors(Block):
    """Other objects in the scene, behind the subject and part of the background.

    They are foregrounds of the recipe's own sources, SO or STM, and never the subject itself. The stored background
    shows them and the alpha does not, so I = aF + (1-a)B holds. Samples without foreground have none.

    Attributes:
        p: Share of the samples that have any.
        count: How many, drawn from [low, high].
        distance: Distance of each, relative to the subject, drawn log-uniformly. Farther ones are smaller, stand nearer
            to the horizon, are hidden by nearer ones, and are more out of focus (``focus``).
        size: Size of each at the subject's distance, relative to the subject, drawn log-uniformly.
        cut: Chance that each is cut off by the left or right border.
        behind: Chance that each is partly hidden by the subject instead.
        light: Factor of its light; distractors are less well lit than the subject.
        saturation: Factor of its saturation.
    """

    p: Share = 0.5
    count: Counts = (1, 4)
    distance: Distances = (1.1, 4.0)
    size: Annotated[Range, Within(0.01, 10)] = (0.5, 1.0)
    cut: Share = 0.3
    behind: Share = 0.3
    light: Shares = (0.6, 1.0)
    saturation: Shares = (0.6, 1.0)


class DepthOfField(Block):
    """Depth of field of a thin lens: the blur depends on the distance from the focus.

    At a distance d, with the lens focused at f, a point becomes a disc of radius ``radius`` x abs(1/f - 1/d); all
    distances are relative to the subject's, which is 1.

    Attributes:
        p: Share of the samples in which anything is out of focus.
        radius: Radius of the disc at infinite distance while the subject is in focus, in thousandths of the short side,
            drawn log-uniformly.
        background: Distance of the background, drawn log-uniformly.
        missed: Chance that the lens is focused behind the subject, which is then blurred more than the background.
        missed_distance: Distance of the focus in that case, drawn log-uniformly.
    """

    p: Share = 0.6
    radius: Annotated[Range, Within(0.01, 100)] = (1.0, 20.0)
    background: Distances = (2.0, 20.0)
    missed: Share = 0.0
    missed_distance: Distances = (2.0, 10.0)


class SynthRecipe(Recipe):
    """A synthetic dataset.

    Attributes:
        count: Number of samples; when it is left out, every foreground is used ``repeat`` times.
        selection: "enumerate" goes through all foregrounds in a shuffled order, again and again, and through all
            backgrounds likewise; "draw" draws both by weight.
        pairing: "fresh" gives a foreground new backgrounds in every pass, "once" the same ones (the reference).
        balance: Shares of the types (selection "draw"); without it, types are as frequent as in the sources.
        foregrounds: Foreground sources.
        backgrounds: Background sources.
        placement: How the foreground is placed on the background.
        blend: "gamma" (as in all published systems) or "linear" light.
        steps: Compositing steps, applied in this order within their stage.
        labels: How trimaps are made.
        hard_cases: Shares of hard cases.
        distractors: Other objects in the background; none when left out.
        focus: Depth of field; everything is as sharp as its picture when left out.
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
    distractors: Distractors | None = None
    focus: DepthOfField | None = None
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
