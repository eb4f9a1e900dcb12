"""Controls: what a form learns from a recipe's classes."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from aimkit.bounds import Seed, Share, Within
from aimkit.controls import attribute_notes, controls, usual_span
from aimkit.recipe import Block, Range, block_of
from aimkit.registry import Registry
from aimkit.synth.placement import placements
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.steps import steps


class _Inner(Block):
    """A table.

    Attributes:
        depth: How deep it is,
            on two lines.
    """

    depth: Annotated[Range, Within(0, 10)] = (1, 2)


class _Outer(_Inner):
    """Another.

    Attributes:
        name: Its ``name``.
        share: A share.
    """

    name: str = "x"
    share: Share = 0.5
    seed: Seed = 0
    on: bool = True
    way: Literal["a", "b"] = "a"
    only: Literal["one"] = "one"
    limit: float | None = Field(None, ge=0.5)
    sides: Annotated[tuple[int, ...], Within(1, 100)] = (20, 30)
    ways: tuple[Literal["a", "b"], ...] = ("a",)
    shares: dict[Literal["p", "q"], Share] = Field(default_factory=dict)
    inner: _Inner = _Inner()


def test_every_kind_of_key_gets_its_control() -> None:
    found = {one.key: one for one in controls(_Outer)}
    kinds = {key: one.kind for key, one in found.items()}
    assert kinds == {
        "depth": "range",
        "name": "text",
        "share": "number",
        "seed": "number",
        "on": "switch",
        "way": "choice",
        "limit": "number",
        "sides": "numbers",
        "ways": "choices",
        "shares": "shares",
        "inner.depth": "range",
    }
    assert (found["depth"].low, found["depth"].high, found["depth"].default) == (0, 10, [1, 2])
    assert found["inner.depth"].help == found["depth"].help == "How deep it is, on two lines."
    assert found["name"].help == "Its name."
    assert found["limit"].optional
    assert not found["share"].optional
    assert found["way"].choices == ("a", "b")
    assert found["shares"].choices == ("p", "q")
    assert found["sides"].whole
    assert found["seed"].span is None


def test_keys_can_be_left_out() -> None:
    assert "share" not in {one.key for one in controls(_Outer, skip=["share"])}


@pytest.mark.parametrize(
    ("low", "high", "given", "span"),
    [
        (0, 1, [0.3], (0, 1)),
        (0, 1, [0.003], (0, 0.006)),
        (1, 100, [95], (1, 100)),
        (0, 255, [10, 10], (0, 20)),
        (-360, 360, [0, 0], (-50, 50)),
        (-360, 360, [-30, 30], (-60, 60)),
        (-(2**63), 2**63, [0], None),
    ],
)
def test_sliders_span_what_is_usual(low: float, high: float, given: list[float], span: object) -> None:
    assert usual_span(low, high, given) == pytest.approx(span) if span else usual_span(low, high, given) is None


@pytest.mark.parametrize("registry", [steps, placements], ids=lambda one: one.kind)
def test_every_key_of_a_synth_recipe_is_explained(registry: Registry[type[Block], object]) -> None:
    blocks: list[type[Block]] = [SynthRecipe, *(block_of(entry) for entry in registry)]
    assert [(block.__name__, one.key) for block in blocks for one in controls(block) if not one.help] == []


def test_notes_of_a_class_without_a_docstring_are_its_base_s() -> None:
    class Plain(_Inner):
        pass

    assert attribute_notes(Plain) == {"depth": "How deep it is, on two lines."}
