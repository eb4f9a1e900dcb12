"""Bounds of recipes: the ends are allowed, what is beyond them is told with the key."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from aimkit.bounds import Angles, CanvasSide, CanvasSides, Count, Name, Names, Qualities, Reduction, Seed, Share, Text
from aimkit.bounds import Within as within
from aimkit.errors import AimkitError
from aimkit.recipe import Block, Range, parse


class BoundedBlock(Block):
    """A field of every kind."""

    share: Share = 0.5
    scale: Reduction = 0.5
    count: Count = 1
    seed: Seed = 0
    side: CanvasSide = 512
    sides: CanvasSides = (512, 512)
    angle: Angles = (0, 0)
    quality: Qualities = (60, 90)
    radius: Annotated[Range, within(0, 50)] = (1, 6)
    kernels: Annotated[tuple[int, ...], Field(min_length=1, max_length=3), within(1, 9)] = (1,)
    name: Name = ""
    text: Text = ""
    names: Names = Field(default_factory=list)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("share", value) for value in (0, 1)),
        *(("count", value) for value in (1, 10**9)),
        *(("seed", value) for value in (-(2**63), 2**63 - 1)),
        *(("sides", value) for value in (1, [1, 16384])),
        *(("radius", value) for value in (0, 50, [0, 50])),
        ("kernels", [1, 9, 9]),
        ("name", "x" * 255),
        ("text", "x" * 4096),
        ("names", ["x"] * 1000),
    ],
)
def test_the_ends_are_allowed(key: str, value: Any) -> None:
    parse(BoundedBlock, {key: value}, "test")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("share", -0.1, "must be greater than or equal to 0"),
        ("share", 1.1, "must be less than or equal to 1"),
        ("scale", 0, "must be greater than 0"),
        ("count", 10**18, "must be less than or equal to 1000000000"),
        ("seed", 2**63, "must be less"),
        ("side", 16385, "must be less than or equal to 16384"),
        ("sides", [1, 16385], "16385 is not between 1 and 16384"),
        ("sides", 0, "0 is not between 1 and 16384"),
        ("angle", [-400, 0], "-400 is not between -360 and 360"),
        ("quality", [0, 101], "0 is not between 1 and 100"),
        ("radius", 1_000_000, r"1e\+06 is not between 0 and 50"),
        ("radius", -1, "-1 is not between 0 and 50"),
        ("radius", [6, 1], "is reversed"),
        ("kernels", [1, 10], "10 is not between 1 and 9"),
        ("kernels", [1, 1, 1, 1], "at most 3 items"),
        ("name", "x" * 256, "at most 255 characters"),
        ("text", "x" * 4097, "at most 4096 characters"),
        ("names", ["x"] * 1001, "at most 1000 items"),
    ],
)
def test_what_is_beyond_is_refused_with_its_key(key: str, value: Any, message: str) -> None:
    with pytest.raises(AimkitError, match=message) as caught:
        parse(BoundedBlock, {key: value}, "recipe.toml")
    assert caught.value.where.startswith(f"recipe.toml, {key}")
