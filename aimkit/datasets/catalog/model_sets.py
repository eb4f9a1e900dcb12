"""Sets of 3-D models by name: what they hold, where to get them, and the licence of their renders.

All of it is data: one TOML file per set in the folder ``models``, read as :class:`ModelSet`. Recipes of ``aimkit
render`` name their collections like these.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field

from aimkit.recipe import Block, parse
from aimkit.toml_files import read_toml


class ModelSet(Block):
    """A set of 3-D models.

    Attributes:
        name: Name in recipes and commands; the stem of its file.
        title: Name that its authors use.
        about: Description of the content, one or two sentences.
        page: URL of its page.
        get: How to get the files.
        licence: SPDX id of the licence.
        credit: Who is to be credited with pictures of the models, or that nobody is.
        count: Number of models; None where the set has no end.
        variable: Environment variable that packaged recipes read its folder from.
        recipes: Packaged recipes that use it.
    """

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    about: str
    page: str = Field(pattern=r"^https?://")
    get: str
    licence: str = Field(pattern=r"^[A-Za-z0-9.+-]+$")
    credit: str
    count: int | None = Field(default=None, ge=1)
    variable: str = Field(pattern=r"^[A-Z0-9]+$")
    recipes: tuple[str, ...] = ()


@cache
def model_sets() -> dict[str, ModelSet]:
    """All sets of 3-D models by name, sorted.

    Raises:
        AimkitError: A file of the catalog is invalid; all its errors are listed.
    """
    files = sorted((Path(__file__).parent / "models").glob("*.toml"))
    return {file.stem: parse(ModelSet, {"name": file.stem, **read_toml(file)}, str(file)) for file in files}


def model_page(one: ModelSet) -> str:
    """Everything the catalog knows about a set of models, as plain text."""
    facts = [
        ("page", one.page),
        ("get it", one.get),
        ("licence", one.licence),
        ("credit", one.credit),
        ("models", "" if one.count is None else f"{one.count:,}"),
    ]
    lines = [f"{one.title} ({one.name}), 3-D models", "", one.about, ""]
    lines += [f"{name:<8}{text}" for name, text in facts if text]
    lines += ["", "In aimkit:", f"  {one.variable}=DIR names its folder in packaged recipes"]
    lines += [f"  aimkit render {recipe.removeprefix('render/')} -o CUTOUTS" for recipe in one.recipes]
    return "\n".join(lines)
