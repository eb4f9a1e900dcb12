"""Bounds of what a recipe may hold: every number has both ends, every text and list a length.

They keep out what would take all memory, hang, or end in a traceback, and nothing that somebody could want: they are
ends of what works, not of what is sensible. Lengths are in thousandths of a picture's short side, so that their bounds
hold for every size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from aimkit.recipe import IntRange, Range


@dataclass(frozen=True)
class Within:
    """Bounds of every number in a tuple, such as the two of a range; use it as ``Annotated[Range, Within(0, 1)]``.

    Attributes:
        low: The least that is allowed.
        high: The most that is allowed.
    """

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def check(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values.

        Raises:
            ValueError: One is out of bounds.
        """
        for value in values:
            if not self.low <= value <= self.high:
                raise ValueError(f"{value:g} is not between {self.low:g} and {self.high:g}")
        return values


# Texts.
#: A path, a URL, a sentence: as long as a path may be.
Text = Annotated[str, StringConstraints(max_length=4096)]
#: A name of something: a file, a folder, a column, a registry entry.
Name = Annotated[str, StringConstraints(max_length=255)]
Texts = Annotated[list[Text], Field(max_length=100_000)]
Names = Annotated[list[Name], Field(max_length=1000)]

# Numbers.
#: Any whole number that NumPy, Torch and TOML all hold.
Seed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
#: How many of something there are; one at least.
Count = Annotated[int, Field(ge=1, le=10**9)]
#: The same where none is a choice.
CountOrNone = Annotated[int, Field(ge=0, le=10**9)]
#: How many of something are in memory at a time.
Many = Annotated[int, Field(ge=1, le=10**6)]
ManyOrNone = Annotated[int, Field(ge=0, le=10**6)]
#: A part of a whole, or a chance.
Share = Annotated[float, Field(ge=0, le=1)]
#: A share that can't be nothing: a scale of a picture that is made smaller.
Reduction = Annotated[float, Field(gt=0, le=1)]
#: Relative to others of its kind.
Weight = Annotated[float, Field(ge=0, le=1e6)]

# Lengths in pixels.
#: Side of a canvas that is composited or trained on, and how many pixels it may have in all.
CANVAS_PIXELS = 2**26
CanvasSide = Annotated[int, Field(ge=1, le=16_384)]
TrainingSide = Annotated[int, Field(ge=16, le=16_384)]
#: Side of a picture that is read or predicted.
PictureSide = Annotated[int, Field(ge=16, le=65_536)]
PredictionSide = Annotated[int, Field(ge=32, le=65_536)]
#: Side of a structuring element of trimaps.
Kernel = Annotated[int, Field(ge=0, le=1000)]

# Ranges to draw from.
Shares = Annotated[Range, Within(0, 1)]
Angles = Annotated[Range, Within(-360, 360)]
#: Shear beyond it would make a picture infinitely wide.
Shears = Annotated[Range, Within(-75, 75)]
CanvasSides = Annotated[IntRange, Within(1, 16_384)]
Kernels = Annotated[IntRange, Within(0, 1000)]
Qualities = Annotated[IntRange, Within(1, 100)]
#: How many things a picture shows beside its subject.
Counts = Annotated[IntRange, Within(0, 64)]
#: How far away something is, relative to the subject.
Distances = Annotated[Range, Within(1, 1000)]

# Lists.
#: Sides of square crops, one of which is drawn.
CropSides = Annotated[tuple[int, ...], Field(min_length=1, max_length=64), Within(16, 16_384)]
#: Sides of box filters, one of which is drawn.
BoxSides = Annotated[tuple[int, ...], Field(min_length=1, max_length=64), Within(1, 1000)]
#: Resampling kernels, one of which is drawn; "auto" is the cleanest for the scale.
Resampling = Annotated[
    tuple[Literal["auto", "nearest", "linear", "cubic", "lanczos", "area"], ...], Field(min_length=1, max_length=16)
]
#: Keywords of a network or strategy, which checks their values.
Options = Annotated[dict[Name, Any], Field(max_length=64)]
