"""The zoo: which weights there are, where they come from, what they may be used for, and how good they are.

``path`` gives the file of an entry and fetches it when it is not here yet; ``load`` puts it into a network.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def path(id: str) -> Path:
    """The checked file of an entry, fetched when need be.

    Args:
        id: Such as ``aimnet_resnet34_mp.matting``, or ``timm:NAME.TAG``.

    Raises:
        AimkitError: An unknown id, a file that can't be fetched, a wrong digest, or a digest that nobody knows yet.
    """
    from aimkit.zoo.fetch import path as fetched
    from aimkit.zoo.manifest import find

    return fetched(find(id))


def load(model: nn.Module, id: str) -> None:
    """Load an entry's weights into a network or a backbone; all of them must fit.

    Raises:
        AimkitError: As :func:`path`; or the weights do not fit, and nothing is loaded then.
    """
    from aimkit.models import weights

    weights.load(model, path(id))
