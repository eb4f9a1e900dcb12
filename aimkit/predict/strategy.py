"""What a strategy is: a block of options with one method that applies a network to photos.

A new strategy is a new file with one registered class; ``strategies`` below names the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol, Self

from pydantic import Field, model_validator

from aimkit.models.exported.traits import Scales
from aimkit.predict.arguments import STRATEGIES
from aimkit.predict.assemble import Result, assemble
from aimkit.predict.network import Network
from aimkit.predict.sizes import MAX_SIDE
from aimkit.recipe import Block
from aimkit.registry import Registry
from aimkit.types import Float, UInt8

#: Input size relative to the photo.
Scale = Annotated[float, Field(gt=0, le=1)]
#: Length in pixels.
Side = Annotated[int, Field(ge=32, le=65_536)]


class InferenceDefaults(Protocol):
    """What a network declares for inference: a ``MattingModel``, or a network of the runtime ``onnx``."""

    strategy: str

    @property
    def scales(self) -> Scales:
        """Default input sizes."""

    @property
    def inference_defaults(self) -> Mapping[str, Any]:
        """Further default options of these weights; they override the scales."""

    @property
    def fuses_softly(self) -> bool:
        """Whether there is a sharpness to set."""


class Strategy(Block):
    """Base of all strategies: their options, and how they apply a network.

    Attributes:
        sharpness: Factor of the semantic logits, > 0, for networks with soft fusion:
            alpha = fuse(softmax(sharpness * logits), detail). 1 gives the expected alpha, which has the least squared
            error. Larger values approach the decision for the likeliest class, which has the least absolute error;
            3 still keeps soft edges.
        unknown_bias: Added to the logits of the class "unknown". Below 0, background or foreground decides in more
            pixels, and the detail in fewer: for networks that learned from more transparent things than photos show.
        flat_bias: The same, times 1 - the local contrast of the detail. Fine structures, such as leaves and hair, keep
            the class "unknown"; flat areas, where it is a doubt about the subject, lose it.
    """

    sharpness: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    unknown_bias: Annotated[float, Field(ge=-100, le=100)] = 0.0
    flat_bias: Annotated[float, Field(ge=-100, le=100)] = 0.0

    def assemble(
        self, network: Network, logits: Float, detail: Float, size: tuple[int, int], alpha: Float | None = None
    ) -> Result:
        """Enlarge and fuse the maps of a network with the options of the strategy, see :func:`assemble`."""
        return assemble(network, logits, detail, size, alpha, self.sharpness, self.unknown_bias, self.flat_bias)

    def apply(self, network: Network, photos: UInt8) -> Result:
        """Predict photos of one size.

        Args:
            network: The network, in evaluation mode.
            photos: RGB, uint8, (B, H, W, 3).

        Returns:
            Alpha, labels and detail, each (B, H, W).
        """
        raise NotImplementedError


class ParityStrategy(Strategy):
    """Base of the strategies that the AIM reference has too.

    Attributes:
        max_side: Maximum long side of an input of the network, in pixels. The aspect ratio is kept.
        parity: Predict exactly as the reference does, flaws included; see :mod:`aimkit.predict.reference`.
    """

    max_side: Side = MAX_SIDE
    parity: bool = False

    @model_validator(mode="after")
    def _parity_excludes_other_options(self) -> Self:
        if self.parity and self.sharpness != 1:
            raise ValueError("the reference has no sharpness: leave out parity or sharpness")
        for option in ("unknown_bias", "flat_bias"):
            if self.parity and getattr(self, option):
                raise ValueError(f"the reference has no {option}: leave out parity or {option}")
        if self.parity and any(side is not None for name, side in self if name.endswith("side") and name != "max_side"):
            raise ValueError("the reference has scales, not sides: leave out parity or the sides")
        return self


#: Strategies by name; entries are subclasses of :class:`Strategy`.
strategies: Registry[type[Strategy]] = Registry("strategy", [f"aimkit.predict.{name}" for name in STRATEGIES])
