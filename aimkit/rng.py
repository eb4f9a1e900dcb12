"""The only source of randomness in synthesis: an independent stream for every name."""

from __future__ import annotations

import hashlib

import numpy as np


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """Return a random generator that depends only on its arguments.

    Every operation of a sample asks for a stream of its own, as in ``rng(recipe.seed, index, "jpeg")``. Adding an
    operation therefore leaves the draws of all others as they were.

    Args:
        seed: The seed of the recipe.
        *names: What the stream is for. Order and type matter: ``1`` and ``"1"`` are different streams.

    Returns:
        A numpy Generator (PCG64), seeded with the 128-bit BLAKE2b digest of the arguments.
    """
    key = repr((int(seed), *[int(n) if isinstance(n, int | np.integer) else str(n) for n in names]))
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
