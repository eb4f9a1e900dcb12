"""Functions compiled by Numba, whose results are cached beside their file, in the user's cache, or in aimkit's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from aimkit.cache import cache_folder

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def compiled(function: FunctionT) -> FunctionT:
    """Compile a function when it is first called, and cache the result.

    As in NumPy, a division by zero is infinite or NaN: a check for it would keep loops from using wide instructions.
    """
    njit: Any = numba.njit(cache=True, error_model="numpy")
    try:
        return cast(FunctionT, njit(function))
    except RuntimeError:
        # Numba's own folders can't be written: the package belongs to another user, and there is no home.
        settings: Any = numba.config
        settings.CACHE_DIR = str(cache_folder("numba"))
        return cast(FunctionT, njit(function))
