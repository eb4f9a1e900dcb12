"""The registry of checks: their names, how severe a finding is, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aimkit.errors import AimkitError
from aimkit.registry import Registry, did_you_mean

if TYPE_CHECKING:
    from aimkit.lint.record import LintFolder
    from aimkit.lint.view import LintView

Severity = Literal["error", "warning", "note"]

#: From the worst on: what spoils a training run or an evaluation, what probably does harm, what is worth knowing.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class LintCheckInfo:
    """What a check's findings mean.

    Attributes:
        severity: "error", "warning" or "note".
        advice: What to do, a sentence.
        fix: What ``--fix`` does about it, a few words; "" when that is for people to decide.
    """

    severity: Severity
    advice: str
    fix: str = ""


@dataclass(frozen=True)
class LintFault:
    """What a check of a whole folder found.

    Attributes:
        files: The files concerned, as the target names them; the one to blame comes first.
        what: What is wrong with them, in a few words.
    """

    files: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class LintFinding:
    """A finding, for people and programs.

    Attributes:
        check: Name of the check.
        severity: "error", "warning" or "note".
        files: The files concerned, relative to the target's folder where they lie in it.
        what: What is wrong with them.
        advice: What to do.
        fixable: Whether ``--fix`` corrects it.
    """

    check: str
    severity: Severity
    files: tuple[str, ...]
    what: str
    advice: str
    fixable: bool = False


#: Checks of one picture, or one pair: what is wrong with it, or "".
picture_checks: Registry[Callable[[LintView], str], LintCheckInfo] = Registry(
    "check", ["aimkit.lint.checks"], LintCheckInfo
)
#: Checks that compare pictures, or look at folders.
folder_checks: Registry[Callable[[LintFolder], Iterable[LintFault]], LintCheckInfo] = Registry(
    "check", ["aimkit.lint.checks"], LintCheckInfo
)


def all_checks() -> dict[str, LintCheckInfo]:
    """All checks by name, the severest first."""
    entries = {entry.name: entry.info for registry in (picture_checks, folder_checks) for entry in registry}
    return dict(sorted(entries.items(), key=lambda one: (SEVERITIES.index(one[1].severity), one[0])))


def chosen_checks(only: Sequence[str] = (), ignore: Sequence[str] = ()) -> set[str]:
    """Names of the checks to run: those of ``only``, or all, without those of ``ignore``.

    Raises:
        AimkitError: A name is unknown.
    """
    known = all_checks()
    for option, names in (("--only", only), ("--ignore", ignore)):
        for name in names:
            if name not in known:
                raise AimkitError(f"unknown check '{name}'", option, did_you_mean(name, known))
    return (set(only) or set(known)) - set(ignore)
