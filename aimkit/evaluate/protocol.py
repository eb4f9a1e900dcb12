"""The protocol of an evaluation: all that must be equal for two results to be comparable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from aimkit.evaluate.trimaps import RULE


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
        truth: Channel and scale of the true mattes.
        levels: Channel and scale of stored predictions, or "". Results with other ones can be compared.
        origin: Where the data came from, if not from its authors' folders, or "". Results with other ones can be
            compared.
    """

    data: str
    content: str
    prediction: str
    size: str
    trimap: str
    grad: str
    conn: str
    truth: str
    levels: str = field(default="", metadata={"compared": False})
    origin: str = field(default="", metadata={"compared": False})

    @property
    def text(self) -> str:
        """The protocol as one readable line."""
        predicted = f"{self.prediction} ({self.levels})" if self.levels else self.prediction
        # A trimap that is made has exactly the three levels.
        trimap = f"trimap {self.trimap}" + (f" ({RULE})" if self.trimap.startswith("from files") else "")
        data = f"{self.data} (from {self.origin})" if self.origin else self.data
        parts = [data, f"truth {self.truth}", predicted, self.size, trimap, f"Grad {self.grad}"]
        return "; ".join([*parts, f"Conn {self.conn}", "SAD, Grad, Conn of the whole image unless said otherwise"])

    @property
    def digest(self) -> str:
        """SHA-256, hex, of all fields that must be equal."""
        compared = {name: getattr(self, name) for name in _COMPARED}
        return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, str]:
        """All fields, the text and the digest."""
        return {**asdict(self), "text": self.text, "digest": self.digest}


_COMPARED = [one.name for one in fields(Protocol) if one.metadata.get("compared", True)]


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """``field: first, second`` for every field in which two stored protocols differ.

    Results of earlier versions don't state the scale of the truth; then it can't differ.
    """
    names = [name for name in _COMPARED if name != "truth" or ("truth" in first and "truth" in second)]
    return [
        f"{name}: {first.get(name, '')[:80]} | {second.get(name, '')[:80]}"
        for name in names
        if first.get(name) != second.get(name)
    ]
