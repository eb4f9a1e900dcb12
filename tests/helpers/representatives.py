"""Architectures that stand for the others of their timm module."""

from __future__ import annotations

from aimkit.models.backbones.factory import describe_backbones


def representatives() -> list[str]:
    """The smallest architecture of each timm module."""
    smallest: dict[str, tuple[float, str]] = {}
    for info in describe_backbones():
        if info.spec is not None and info.params is not None:
            smallest[info.spec.module] = min(
                smallest.get(info.spec.module, (float("inf"), "")), (info.params, info.name)
            )
    return sorted(name for _, name in smallest.values())
