"""The error that aimkit raises for bad input: what is wrong, where, and how to correct it."""

from __future__ import annotations

from aimkit.redact import redact_error


class AimkitError(Exception):
    """A problem that the user can correct.

    Args:
        what: The problem in one sentence, without a full stop.
        where: The file, recipe key, argument or sample that it concerns, or "".
        hint: How to correct it, or the nearest valid name, or "".
        exit_code: The exit code of the command line: 2 for bad input, 1 for work that failed.
    """

    def __init__(self, what: str, where: str = "", hint: str = "", *, exit_code: int = 2) -> None:
        # Errors end on screens, in logs, records and reports: here is the one place that all of them pass.
        self.what, self.where, self.hint = redact_error(str(what)), redact_error(str(where)), redact_error(str(hint))
        super().__init__(self.what, self.where, self.hint)
        self.exit_code = exit_code

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"where: {self.where}")
        if self.hint:
            lines.append(f"hint:  {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments are lost by the default reduction, and worker processes pickle errors.
        return (_rebuild, (self.what, self.where, self.hint, self.exit_code))


def _rebuild(what: str, where: str, hint: str, exit_code: int) -> AimkitError:
    return AimkitError(what, where, hint, exit_code=exit_code)
