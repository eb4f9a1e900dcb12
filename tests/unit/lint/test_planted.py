"""A folder with planted faults: every check finds its own, and names nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted import FAULTS, plant

from aimkit.lint.collect import collect
from aimkit.lint.registry import all_checks
from aimkit.lint.run import LintResult, lint


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> LintResult:
    root = tmp_path_factory.mktemp("lint") / "data"
    known = plant(root)
    return lint(collect(str(root)), against=[collect(str(known))])


def found(result: LintResult, check: str) -> set[str]:
    return {finding.files[0] for finding in result.findings if finding.check == check}


@pytest.mark.parametrize("check", [name for name in all_checks() if name != "subject-in-background"])
def test_what_is_planted_is_found_and_nothing_else(planted: LintResult, check: str) -> None:
    assert found(planted, check) == FAULTS[check]
