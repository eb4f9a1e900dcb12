"""A network as strategies use it: arrays of photos in, arrays of maps out, optionally averaged over a flip.

Strategies know nothing of PyTorch or ONNX Runtime. Each of ``runtime/`` subclasses ``Network``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, NamedTuple

import numpy as np

from aimkit.errors import AimkitError
from aimkit.types import Array, Float, UInt8

#: Grey levels of the semantic classes in label images.
LEVELS = {"background": 0, "unknown": 128, "foreground": 255}


class Maps(NamedTuple):
    """The outputs of a network, at the size of its input.

    Attributes:
        logits: Logits of the semantic classes, float32, (B, K, h, w).
        detail: Alpha inside the unknown area, float32 in [0, 1], (B, 1, h, w).
        alpha: Alpha as fused by the network, float32 in [0, 1], (B, 1, h, w).
    """

    logits: Float
    detail: Float
    alpha: Float


class Network:
    """Base of the runtimes' networks; subclasses implement ``forward``, ``fuse_maps`` and ``winners``.

    Attributes:
        runtime: Name of the runtime.
        classes: Names of the semantic channels.
        fuses: Whether alpha follows from semantic classes and detail alone, so that they may have different input
            sizes.
        complements: Whether the detail is 1 - alpha in the unknown area.
        flip: Whether the predictions of the photo and of its mirror image are averaged.
        place: Where it runs, for messages.
        parallel: How many threads may call it at once with profit.
    """

    runtime: ClassVar[str]
    classes: tuple[str, ...]
    fuses: bool
    complements: bool = False
    flip: bool = False
    place: str = "cpu"
    parallel: int = 1

    def __call__(self, images: Float) -> Maps:
        """Run the network on photos.

        Args:
            images: RGB, float32 in [0, 255], (B, 3, h, w), any size.

        Raises:
            AimkitError: The network predicted NaN or infinite values.
        """
        images = np.clip(images / np.float32(255), 0, 1)
        maps = check_finite(self.forward(images))
        if not self.flip:
            return maps
        mirrored = check_finite(self.forward(np.ascontiguousarray(images[..., ::-1])))
        logits, detail, alpha = ((a + b[..., ::-1]) / np.float32(2) for a, b in zip(maps, mirrored, strict=True))
        # Where the two disagree, one decision is better than half of each.
        return Maps(logits, detail, self.fuse(logits, detail) if self.fuses else alpha)

    def fuse(self, logits: Float, detail: Float, sharpness: float = 1.0) -> Float:
        """Fuse maps of one size into alpha, float32 in [0, 1], (B, 1, h, w).

        Args:
            logits: Logits of the semantic classes, float32, (B, K, h, w).
            detail: Alpha inside the unknown area, float32 in [0, 1], (B, 1, h, w).
            sharpness: Factor of the logits, see :class:`aimkit.predict.strategy.Strategy`.

        Raises:
            AimkitError: The network's alpha does not follow from these two.
        """
        if not self.fuses:
            what = "the alpha of this network does not follow from semantic classes and detail"
            raise AimkitError(what, "strategy", "use 'resize' or 'whole'")
        return self.fuse_maps(logits if sharpness == 1 else logits * np.float32(sharpness), detail)

    def labels(self, logits: Float) -> UInt8:
        """The argmax of the class scores as grey levels, uint8 {0, 128, 255}, (B, h, w); the first class wins ties."""
        levels = np.array([LEVELS[name] for name in self.classes], np.uint8)
        labels: UInt8 = levels[self.winners(logits)]
        return labels

    def forward(self, images: Float) -> Maps:
        """Run the network on RGB in [0, 1], float32, (B, 3, h, w), contiguous."""
        raise NotImplementedError

    def fuse_maps(self, logits: Float, detail: Float) -> Float:
        """Fuse maps of one size into alpha."""
        raise NotImplementedError

    def winners(self, logits: Float) -> Array:
        """Index of the highest class score, integers, (B, h, w); of equal scores the first wins."""
        raise NotImplementedError

    def evaluating(self) -> AbstractContextManager[None]:
        """A context in which the network predicts."""
        return nullcontext()


def check_finite(maps: Maps) -> Maps:
    """Check the outputs of a network. The likeliest class of NaN is the first: an empty matte, without an error.

    Raises:
        AimkitError: A map has a NaN or infinite value.
    """
    for name, values in maps._asdict().items():
        if not np.isfinite(values).all():
            what = f"the network predicted NaN or infinite {'semantic ' if name == 'logits' else ''}{name}"
            hint = "try --precision fp32; if that fails too, the weights are damaged"
            raise AimkitError(what, "network", hint, exit_code=1)
    return maps
