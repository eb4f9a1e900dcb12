"""The mattes of an evaluation: decided for each folder by the rule of all mattes, and named as its options are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from aimkit.datasets.matte_folder import MatteFacts, MatteFolder, decide_mattes, faint, matte_facts
from aimkit.errors import AimkitError
from aimkit.imageio import LOSSY_TOLERANCE, decode
from aimkit.skips import Skips
from aimkit.types import Array


def decide_evaluated(
    sources: Iterable[tuple[str, Callable[[], Any]]], alpha_range: str, where: str, option: str
) -> MatteFolder:
    """Look at all mattes of a folder, two at a time, and decide how they are read.

    Mattes that can't be read take no part: reading them says why.

    Args:
        sources: Name of every matte, and what gives its source.
        alpha_range: As for :func:`aimkit.datasets.matte_folder.decide_mattes`.
        where: The folder, for errors.
        option: Option that states the scale, for errors.

    Raises:
        AimkitError: The levels leave the scale open, or are beyond what ``alpha_range`` says.
    """
    with ThreadPoolExecutor(2) as pool:
        found = [look for look in pool.map(_look, sources) if look]
    try:
        folder = decide_mattes([facts for _, facts in found], alpha_range, where)
    except AimkitError as error:
        raise _with_option(error, option) from None
    dark = [name for name, facts in found if faint(facts.found.maximum, folder.top(facts))]
    doubt = "nowhere more than 1/255 opaque; are they on another scale than their folder?"
    more = ", ..." if len(dark) > 3 else ""
    notes = [f"{len(dark)} mattes are {doubt} {', '.join(dark[:3])}{more}"] * bool(dark)
    unclear = {key: _with_option(error, option) for key, error in folder.unclear.items()}
    return replace(folder, notes=(*folder.notes, *notes), unclear=unclear)


def in_words(folder: MatteFolder) -> str:
    """Channel and scale of the mattes of a folder in a few words, for the protocol."""
    names = {"alpha": "alpha channel", "grey": "grey"}
    ranges = " and ".join(sorted({f"{names[key[2]]} {scale.alpha_range}" for key, scale in folder.scales.items()}))
    snapped = f", lossy: up to {LOSSY_TOLERANCE} is 0, from {255 - LOSSY_TOLERANCE} on is 255" if folder.lossy else ""
    return (ranges or "unread") + snapped


def read_evaluated(folder: MatteFolder, source: Any, where: str = "") -> Array:
    """Read a matte of the folder.

    Returns:
        Matte, (H, W): uint8 if that is exact, since it is faster, else float32 in [0, 1].

    Raises:
        AimkitError: It can't be read, is coloured, has no alpha channel although the others are cut-outs, holds NaN,
            or goes beyond the folder's scale.
    """
    alpha = folder.alpha(decode(source, where), where)
    if alpha.dtype == np.uint8:
        return alpha
    scaled = alpha * np.float32(255)
    levels = np.rint(scaled)
    return levels.astype(np.uint8) if np.abs(scaled - levels).max() < 1e-3 else alpha


def _look(item: tuple[str, Callable[[], Any]]) -> tuple[str, MatteFacts] | None:
    name, source = item
    # Reading the matte later says what is wrong with it.
    with Skips("matte").guard(name):
        return name, matte_facts(decode(source(), name), name)
    return None


def _with_option(error: AimkitError, option: str) -> AimkitError:
    return AimkitError(
        error.what, error.where, error.hint.replace("alpha_range =", "alpha_range").replace("alpha_range", option)
    )
