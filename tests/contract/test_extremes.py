"""The ends of what a recipe may say work: every step and generator draws at both ends of all its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aimkit.bounds import Within
from aimkit.generators import background_generators, generators
from aimkit.recipe import Block, parse
from aimkit.synth.engine import Synthesizer
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.steps import steps


def at_the_end(block: type[Block], low: bool) -> dict[str, Any]:
    """Every range of a block at one end of its bounds."""
    found: dict[str, Any] = {}
    for name, field in block.model_fields.items():
        within = next((one for one in field.metadata if isinstance(one, Within)), None)
        if within is None:
            continue
        end = within.low if low else within.high
        found[name] = [end] if name == "kernels" else end
    return found


def drawn(**tables: Any) -> None:
    data = {
        "kind": "synth",
        "count": 1,
        "foregrounds": [{"source": "procedural", "generators": ["mesh"]}],
        "backgrounds": [{"source": "procedural", "generators": ["gradient"]}],
        "placement": {"mode": "canvas", "height": 48, "width": 64},
        "labels": {"kernel": 5},
        **tables,
    }
    sample = Synthesizer(parse(SynthRecipe, data, "test")).sample(0)
    assert sample.size == (48, 64)
    assert np.isfinite(sample.image.astype(float)).all()


@pytest.mark.parametrize("low", [True, False])
@pytest.mark.parametrize("name", steps.list())
def test_a_step_works_at_the_ends_of_its_bounds(name: str, low: bool) -> None:
    drawn(steps=[{"step": name, **at_the_end(steps.get(name).value, low)}])


@pytest.mark.slow
@pytest.mark.parametrize("low", [True, False])
@pytest.mark.parametrize("name", generators.list())
def test_a_generator_of_foregrounds_works_at_the_ends_of_its_bounds(name: str, low: bool) -> None:
    entry = generators.get(name)
    table = {"generator": name, **at_the_end(entry.info.params, low)}
    drawn(foregrounds=[{"source": "procedural", "generators": [table]}])


@pytest.mark.slow
@pytest.mark.parametrize("low", [True, False])
@pytest.mark.parametrize("name", background_generators.list())
def test_a_generator_of_backgrounds_works_at_the_ends_of_its_bounds(name: str, low: bool) -> None:
    entry = background_generators.get(name)
    table = {"generator": name, **at_the_end(entry.info.params, low)}
    drawn(backgrounds=[{"source": "procedural", "generators": [table]}])


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"count": 10**18}, "count"),
        ({"count": 10**9, "output": {"shard_size": 1}}, "shard_size"),
        ({"placement": {"mode": "canvas", "height": 16384, "width": 16384}}, "67,108,864 pixels"),
        ({"placement": {"mode": "canvas", "height": 10**6}}, "placement"),
        ({"steps": [{"step": "defocus", "radius": 1000000}]}, "1e\\+06 is not between 0 and 100"),
        ({"steps": [{"step": "gamma", "gamma": 0}]}, "0 is not between 0.05 and 20"),
        ({"steps": [{"step": "affine", "scale": -1}]}, "-1 is not between"),
        ({"steps": [{"step": "jpeg", "quality": 101}]}, "101 is not between 1 and 100"),
        ({"steps": [{"step": "motion_blur", "length": 1e300}]}, "is not between"),
        ({"foregrounds": [{"source": "procedural", "name": "x" * 300}]}, "255 characters"),
    ],
)
def test_what_would_take_all_memory_or_hang_is_refused_when_the_recipe_is_read(tables: Any, text: str) -> None:
    from aimkit.errors import AimkitError

    with pytest.raises(AimkitError, match=text):
        drawn(**tables)
