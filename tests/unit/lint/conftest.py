"""The folder with planted faults, written and checked once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted import plant

from aimkit.lint.collect import collect
from aimkit.lint.run import LintResult, lint


@pytest.fixture(scope="session")
def planted_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(the folder, the test set to compare it with). Not to be changed."""
    root = tmp_path_factory.mktemp("lint") / "data"
    return root, plant(root)


@pytest.fixture(scope="session")
def planted_result(planted_folders: tuple[Path, Path]) -> LintResult:
    """What is found in it."""
    root, known = planted_folders
    return lint(collect(str(root)), against=[collect(str(known))], thumbnails=True)
