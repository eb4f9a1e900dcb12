"""A recipe that is being written: its faults, and the part that can be previewed already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimkit.recipe import faults, parse
from aimkit.synth.own_data import with_own, with_stand_ins
from aimkit.synth.recipe import SynthRecipe

#: What a recipe calls own pictures: variables that the command's --foregrounds and --backgrounds stand for.
OWN_FOREGROUNDS = {"source": "cutouts", "path": "${CUTOUTS}"}
OWN_BACKGROUNDS = {"source": "folder", "path": "${BACKGROUNDS}"}


@dataclass(frozen=True)
class RecipeDraft:
    """A recipe that is being written.

    Attributes:
        faults: What is wrong, by dotted key; empty when nothing is.
        recipe: The recipe; None while something is wrong.
        shown: The same with the pictures that are at hand, for a preview.
        stand_ins: Names of the sources that generators stand in for in ``shown``.
    """

    faults: dict[str, str]
    recipe: SynthRecipe | None = None
    shown: SynthRecipe | None = None
    stand_ins: tuple[str, ...] = ()


def draft(
    data: Mapping[str, Any],
    *,
    foregrounds: Path | None = None,
    backgrounds: Path | None = None,
    local: bool = True,
    most_pixels: int | None = None,
) -> RecipeDraft:
    """Check plain data as a synth recipe, and find the part that can be previewed.

    Args:
        data: The recipe's data.
        foregrounds: Folder of cut-outs that take the place of the recipe's files.
        backgrounds: Folder of photos that do.
        local: Whether the recipe may read folders of this machine; False for recipes of strangers.
        most_pixels: Pixels that a sample may have at most, or None.
    """
    own, at_hand = dict(data), dict(data)
    for key, folder, table in (
        ("foregrounds", foregrounds, OWN_FOREGROUNDS),
        ("backgrounds", backgrounds, OWN_BACKGROUNDS),
    ):
        rows = data.get(key)
        if folder is not None and isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows):
            own[key] = with_own(rows, table)
            at_hand[key] = with_own(rows, {**table, "path": str(folder)})
    wrong = faults(SynthRecipe, own)
    if wrong:
        return RecipeDraft(wrong)
    recipe = parse(SynthRecipe, own, "recipe")
    if most_pixels is not None and recipe.placement.height[1] * recipe.placement.width[1] > most_pixels:
        return RecipeDraft({"placement.height": f"a sample may have up to {most_pixels / 1e6:g} megapixels here"})
    allowed = [folder for folder in (foregrounds, backgrounds) if folder is not None]
    shown, names = with_stand_ins(at_hand, None if local else allowed)
    return RecipeDraft({}, recipe, parse(SynthRecipe, shown, "recipe"), tuple(dict.fromkeys(names)))
