"""A folder with planted faults: every check finds its own, and names nothing else."""

from __future__ import annotations

import json

import pytest
from planted import FAULTS

from aimkit.lint.registry import all_checks
from aimkit.lint.report import as_json, as_page
from aimkit.lint.run import LintResult


def found(result: LintResult, check: str) -> set[str]:
    return {finding.files[0] for finding in result.findings if finding.check == check}


@pytest.mark.parametrize("check", [name for name in all_checks() if name != "subject-in-background"])
def test_what_is_planted_is_found_and_nothing_else(planted_result: LintResult, check: str) -> None:
    assert found(planted_result, check) == FAULTS[check]


def test_the_page_shows_every_check_and_needs_no_other_file(planted_result: LintResult) -> None:
    text = as_page(planted_result)
    assert all(f"<h2 id='{name}'>" in text for name in FAULTS)
    assert text.count("<img ") > 30
    assert "://" not in text


def test_the_document_keeps_its_keys(planted_result: LintResult) -> None:
    document = as_json(planted_result)
    assert " ".join(document) == "version target pictures roles against checks counts findings notes"
    assert document["version"] == 1
    assert list(document["counts"]) == ["error", "warning", "note"]
    assert sum(document["counts"].values()) == len(document["findings"])
    for finding in document["findings"]:
        assert " ".join(finding) == "check severity files what advice fixable"
        assert finding["advice"] == all_checks()[finding["check"]].advice
    assert {finding["check"] for finding in document["findings"]} == set(FAULTS)
    assert json.loads(json.dumps(document)) == document
