"""The history of a sample."""

from __future__ import annotations

from typing import Any


class Provenance:
    """The sources and operations of a sample, and whether I = aF + (1-a)B still holds.

    Args:
        before: Provenance to continue; it is copied, not changed.

    Attributes:
        sources: The foregrounds and backgrounds that were used, as plain JSON values.
        operations: The operations in their order, each with its name and drawn parameters.
        quarantined: Items that could not be read, each with its error.
        valid: Whether the composite is what its planes blend to.
    """

    def __init__(self, before: Provenance | None = None) -> None:
        self.sources: list[dict[str, Any]] = list(before.sources) if before else []
        self.operations: list[dict[str, Any]] = list(before.operations) if before else []
        self.quarantined: list[dict[str, Any]] = list(before.quarantined) if before else []
        self.valid: bool = before.valid if before else True

    def add(self, name: str, record: dict[str, Any], **more: Any) -> None:
        """Note an operation and the parameters that were drawn for it."""
        self.operations.append({"name": name, **more, **record})

    def break_equation(self) -> None:
        """Note that the composite is no longer what its planes blend to."""
        self.valid = False
