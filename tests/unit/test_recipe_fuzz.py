"""Whatever is in a recipe file, the answer is a recipe or one AimkitError."""

from __future__ import annotations

import copy
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimkit import resources
from aimkit.errors import AimkitError
from aimkit.recipe import load_recipe

TABLES = [tomllib.loads(path.read_text()) for path in resources.recipes().values()]

VALUES = st.one_of(
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=True),
    st.booleans(),
    st.text(max_size=8),
    st.lists(st.one_of(st.integers(-5, 5), st.floats(-2, 2), st.text(max_size=3)), max_size=4),
    st.just({}),
)


def expect_an_answer(path: Path) -> None:
    """A recipe with a digest, or an error that names the file."""
    problem = None
    try:
        assert load_recipe(path).digest()
    except AimkitError as error:
        problem = error
    assert problem is None or path.name in problem.where


def places(table: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a nested table."""
    rows = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    return [place for key, value in rows for place in [(*path, key), *places(value, (*path, key))]]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoilt_recipe_is_told_and_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    table = copy.deepcopy(data.draw(st.sampled_from(TABLES)))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(table) or [("kind",)]))
        inner = table
        for key in way:
            inner = inner[key]
        if data.draw(st.booleans()):
            inner[last] = data.draw(VALUES)
        elif isinstance(inner, dict):
            inner[data.draw(st.text("abc_", min_size=1, max_size=5))] = data.draw(VALUES)
        else:
            del inner[last]
    path = tmp_path / "spoilt.toml"
    path.write_bytes(tomli_w.dumps(table).encode())
    expect_an_answer(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_bytes_are_a_recipe_or_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bytes.toml"
    path.write_bytes(content)
    expect_an_answer(path)


@settings(max_examples=200, deadline=None)
@given(override=st.text("abcps.01=[]{}\"'jeg ", max_size=24))
def test_any_override_is_applied_or_told(override: str) -> None:
    with suppress(AimkitError):
        assert load_recipe("synth/demo", [override]).digest()
