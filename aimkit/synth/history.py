"""What happened to a sample on its way."""

from __future__ import annotations

from typing import Any


class History:
    """The sources and operations of a sample, and whether I = aF + (1-a)B still holds.

    Args:
        before: What it goes on from; that one stays as it is.
    """

    def __init__(self, before: History | None = None) -> None:
        self.sources: list[dict[str, Any]] = list(before.sources) if before else []
        self.operations: list[dict[str, Any]] = list(before.operations) if before else []
        self.quarantined: list[dict[str, Any]] = list(before.quarantined) if before else []
        self.valid: bool = before.valid if before else True

    def add(self, name: str, drawn: dict[str, Any], **more: Any) -> None:
        """Note an operation and what was drawn for it."""
        self.operations.append({"name": name, **more, **drawn})

    def break_equation(self) -> None:
        """Note that the composite is no longer what its planes blend to."""
        self.valid = False
