"""What a strategy must know of a network besides its weights. Exported files carry it, so this imports no PyTorch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from aimkit.errors import AimkitError
from aimkit.models.backbones.preprocessing import Preprocessing

#: Key of an ONNX file's metadata.
KEY = "aimkit.network"


class Scales(NamedTuple):
    """Default input sizes of a network for inference, as shares of the photo's size, in (0, 1].

    Attributes:
        semantic: Input size for the semantic classes.
        detail: Input size for the detail.
        resize: Input size of the strategy ``resize``.
    """

    semantic: float = 1 / 4
    detail: float = 1 / 2
    resize: float = 1 / 4

    def options(self, strategy: str) -> dict[str, float]:
        """The scales as keywords of a strategy; empty for a strategy without scales."""
        if strategy == "resize":
            return {"scale": self.resize}
        two = {"semantic_scale": self.semantic, "detail_scale": self.detail}
        return two if strategy in ("hybrid", "tiled", "refined") else {}


@dataclass(frozen=True)
class NetworkTraits:
    """The facts about an exported network that its graph does not hold.

    Attributes:
        classes: Names of the semantic channels.
        fusion: How alpha follows from semantic classes and detail: ``soft``, ``argmax``, ``argmax_complement``, or ""
            where it does not follow from these two.
        scores: Function from logits to class scores, ``sigmoid`` or ``softmax``; the highest score decides.
        strategy: Default inference strategy.
        scales: Default input sizes.
        preprocessing: Normalisation of the input.
    """

    classes: tuple[str, ...]
    fusion: str
    scores: str
    strategy: str
    scales: Scales
    preprocessing: Preprocessing

    def to_json(self) -> str:
        """Text for a file's metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, where: str) -> NetworkTraits:
        """Read the metadata of a file.

        Raises:
            AimkitError: The text is missing, damaged, or of another version.
        """
        try:
            table = json.loads(text)
            preprocessing: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in table["preprocessing"].items()
            }
            traits = cls(
                tuple(table["classes"]),
                str(table["fusion"]),
                str(table["scores"]),
                str(table["strategy"]),
                Scales(*map(float, table["scales"])),
                Preprocessing(**preprocessing),
            )
            known = traits.fusion in ("soft", "argmax", "argmax_complement", "") and traits.scores in SCORES
            if not known or not {*traits.classes} <= {"background", "unknown", "foreground"}:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            hint = "write it anew with 'aimkit export'"
            raise AimkitError("the ONNX file does not describe its network", where, hint) from None
        return traits


SCORES = ("sigmoid", "softmax")
