"""Errors, registry, random streams, types, and what importing aimkit costs."""

from __future__ import annotations

import ast
import importlib
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import aimkit
from aimkit.errors import AimkitError
from aimkit.registry import Registry
from aimkit.rng import rng
from aimkit.types import ImageType, to_float, to_uint8

PACKAGE = Path(aimkit.__file__).parent


def test_an_error_survives_being_pickled_with_its_exit_code() -> None:
    error = pickle.loads(pickle.dumps(AimkitError("what", "where", "hint", exit_code=1)))
    assert (error.what, error.where, error.hint, error.exit_code) == ("what", "where", "hint", 1)
    assert str(error) == "what\nwhere: where\nhint:  hint"


def test_streams_are_independent_of_each_other_and_repeat() -> None:
    assert rng(1, "a", 2).random() == rng(1, "a", 2).random()
    draws = {
        rng(*names).random() for names in [(1,), (2,), (1, "a"), (1, "b"), (1, "a", "b"), (1, "ab"), (1, 1), (1, "1")]
    }
    assert len(draws) == 8
    assert rng(1, np.int64(3)).random() == rng(1, 3).random()


def test_a_stream_never_changes_between_releases() -> None:
    """A recipe made with one version must give the same samples with the next."""
    assert rng(7, "sample", 3, "step", "jpeg").integers(0, 2**31, 3).tolist() == [417832557, 1889382010, 1909212806]


def test_registry_finds_lists_and_refuses() -> None:
    things: Registry[object] = Registry("thing")

    @things.register("resnet34", size=1)
    def resnet34() -> int:
        """Makes one."""
        return 1

    assert things.create("resnet34") == 1
    assert things.get("resnet34").info == {"size": 1}
    assert things.get("resnet34").summary == "Makes one."
    assert things.list("res*") == ["resnet34"]
    assert things.list("x*") == []
    with pytest.raises(AimkitError, match="unknown thing 'resent34'\nhint:  did you mean 'resnet34'"):
        things.get("resent34")
    with pytest.raises(AimkitError, match="already registered"):
        things.register("resnet34")(lambda: 2)


def test_a_registry_may_give_its_entries_typed_information() -> None:
    @dataclass(frozen=True)
    class Shape:
        sides: int
        name: str = ""

    shapes: Registry[object, Shape] = Registry("shape", info=Shape)
    shapes.register("square", sides=4)(object())
    assert shapes.get("square").info == Shape(4)
    with pytest.raises(TypeError, match="corners"):
        shapes.register("triangle", corners=3)
    assert shapes.list() == ["square"]


def test_types_are_read_in_any_case() -> None:
    assert ImageType.parse(" stm ") is ImageType.STM
    with pytest.raises(AimkitError, match="'XX' is not an image type"):
        ImageType.parse("XX")


def test_levels_survive_the_way_to_float_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_uint8(to_float(levels)), levels)
    assert to_uint8(np.float32([-0.1, 1.1, 0.999])).tolist() == [0, 255, 255]
    assert to_float(np.uint16([65535]))[0] == 1


def test_importing_aimkit_or_asking_for_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, aimkit, aimkit.cli\n"
        "assert aimkit.cli.run(['--help']) == 0\n"
        "heavy = {'torch', 'timm', 'cv2', 'datasets', 'numpy', 'pydantic', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_synthesis_never_imports_torch() -> None:
    code = (
        "import sys, aimkit\n"
        "aimkit.Synthesizer(aimkit.load_recipe('demo', ['placement.height=64', 'placement.width=64']))[0]\n"
        "assert not {'torch', 'timm', 'datasets'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_exist_and_are_few() -> None:
    assert len(aimkit.__all__) <= 15
    for name in aimkit.__all__:
        assert getattr(aimkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = aimkit.nothing


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=lambda p: p.name)
def test_commands_import_nothing_heavy_at_the_top(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            assert not {str(name).split(".")[0] for name in names} & {"torch", "timm", "cv2", "datasets"}


def test_a_registry_whose_module_fails_to_import_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "entries_of_a_test.py"
    module.write_text("raise ImportError('a package is missing')")
    registry: Registry[int] = Registry("thing", ["entries_of_a_test"])
    for _ in range(2):
        with pytest.raises(ImportError, match="is missing"):
            registry.list()
    module.unlink()
    (tmp_path / "entries_of_a_test").mkdir()
    assert registry.list() == []


def test_threads_that_ask_a_registry_at_once_all_see_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "slowly_registered"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from aimkit.registry import Registry\nthings = Registry('thing', [__name__])\n"
    )
    for name in "abcd":
        text = "import time\nfrom slowly_registered import things\ntime.sleep(0.02)\n"
        (package / f"{name}.py").write_text(f"{text}things.register('{name}')(object())\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    things = importlib.import_module("slowly_registered").things
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: things.list(), range(4))) == [list("abcd")] * 4
