"""The protocol of an evaluation: everything that must be equal before two rows may stand in one table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Protocol:
    """How numbers were made, as short texts.

    Attributes:
        data: The data and how many images.
        content: Digest of the names, types and categories of the images.
        prediction: The strategy with its scales, or "from files".
        size: The size that is compared, and what is resized.
        trimap: Where the trimaps come from; how they were made when they were.
        grad: The Grad definition.
        conn: The Conn definition.
    """

    data: str
    content: str
    prediction: str
    size: str
    trimap: str
    grad: str
    conn: str

    @property
    def text(self) -> str:
        """One line for people."""
        parts = [self.data, self.prediction, self.size, f"trimap {self.trimap}", f"Grad {self.grad}"]
        return "; ".join([*parts, f"Conn {self.conn}", "SAD, Grad, Conn of the whole image unless said otherwise"])

    @property
    def digest(self) -> str:
        """SHA-256, hex, of all fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, str]:
        """All fields, the text and the digest."""
        return {**asdict(self), "text": self.text, "digest": self.digest}


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """``field: first, second`` for every field in which two stored protocols differ."""
    names = [field.name for field in fields(Protocol)]
    return [
        f"{name}: {first.get(name, '')[:80]} | {second.get(name, '')[:80]}"
        for name in names
        if first.get(name) != second.get(name)
    ]
