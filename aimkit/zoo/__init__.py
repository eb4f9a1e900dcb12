"""The zoo: which weights there are, where they come from, what they may be used for, and how good they are.

``path`` gives the file of an entry and fetches it when it is not here yet; ``aimkit.models.weights.loading.load`` puts
it into a network.
"""

from __future__ import annotations

from pathlib import Path


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
