"""Fetching a batch before it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Ahead(Iterator[Any]):
    """Batches, of which one can be fetched while the device still computes.

    Args:
        batches: The batches in order.
    """

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches
        self._fetched: list[Any] = []
        self._problem: Exception | None = None

    def fetch(self) -> None:
        """Fetch the next batch; errors, and the end, are raised when the batch is requested."""
        if not self._fetched and self._problem is None:
            try:
                self._fetched.append(next(self._batches))
            except Exception as error:
                self._problem = error

    def __next__(self) -> Any:
        self.fetch()
        if self._fetched:
            return self._fetched.pop()
        problem, self._problem = self._problem, None
        assert problem is not None
        raise problem
