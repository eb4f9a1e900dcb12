"""Strategies by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aimkit.registry import Registry

#: Entries are ``strategy(network, photos, options) -> Result``, photos uint8 (B, H, W, 3); ``params`` is the class of
#: the options, a recipe block.
strategies: Registry[Callable[..., Any]] = Registry("strategy", ("aimkit.predict.passes", "aimkit.predict.tiled"))
