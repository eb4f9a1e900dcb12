"""The zoo: known weights, their sources, licences and results.

``path`` returns the file of an entry, fetched if needed; ``aimkit.create_model(..., weights=ID)`` builds the network.
"""

from __future__ import annotations

from pathlib import Path


def path(id: str) -> Path:
    """The verified file of an entry, fetched if it is not cached.

    Args:
        id: Zoo id such as ``aimnet_resnet34_mp.matting``, or ``timm:NAME.TAG``.

    Raises:
        AimkitError: The id is unknown, the file can't be fetched, or its digest is wrong or not published.
    """
    from aimkit.zoo.fetch import path as fetched
    from aimkit.zoo.manifest import find

    return fetched(find(id))
