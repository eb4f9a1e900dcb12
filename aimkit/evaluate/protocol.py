"""The protocol of an evaluation: all that must be equal for two results to be comparable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Protocol:
    """How results were measured, as short texts.

    Attributes:
        data: Name of the data with the number of images.
        content: Digest of the ids, types and categories of the images.
        prediction: The strategy with its options, or "from files".
        size: The size at which mattes are compared, and what is resized.
        trimap: Origin of the trimaps.
        grad: Definition of Grad.
        conn: Definition of Conn.
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
        """The protocol as one readable line."""
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
