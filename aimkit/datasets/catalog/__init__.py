"""Datasets by name: what they are, where to get them, their terms, and the folders in which their authors publish them.

Everything is data: one TOML file a dataset in this folder, read as :class:`PublishedSet`. ``aimkit catalog`` shows and
checks them; the source, stream and evaluation kinds called by a dataset's name read its folders through
:func:`aimkit.datasets.catalog.layout.locate`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from aimkit.errors import AimkitError
from aimkit.recipe import Block, parse, read_toml
from aimkit.registry import did_you_mean

Use = Literal["foregrounds", "backgrounds", "saliency", "evaluation"]


def _folders(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


#: One folder or several that are read as one, relative to the part's folder; "." is that folder itself.
Folders = Annotated[tuple[str, ...], BeforeValidator(_folders)]


class PartLayout(Block):
    """Where the planes of a part lie. Files of a pair have the same name, but for the suffix.

    Attributes:
        folder: The part's folder below the dataset's; "" when they are one.
        image: Photos, or backgrounds.
        foreground: Colours of cut-outs.
        alpha: Mattes or masks.
        trimap: Trimaps; they may be left out.
        by: Who arranges the files so, when it is not the authors.
    """

    folder: str = ""
    image: Folders = ()
    foreground: Folders = ()
    alpha: Folders = ()
    trimap: Folders = ()
    by: str = ""

    @property
    def needed(self) -> dict[str, tuple[str, ...]]:
        """Folders by role that must be there."""
        return {role: getattr(self, role) for role in ("image", "foreground", "alpha") if getattr(self, role)}


class DatasetPart(Block):
    """A split of a dataset.

    Attributes:
        name: As its authors call it.
        use: What aimkit takes it for.
        count: Images, as published.
        layouts: Where they lie; the authors' own layout first.
        evaluate: Its name as data to evaluate on: ``aimkit evaluate --data NAME``.
        title: What the protocol of an evaluation calls it.
        types_file: File of types and categories beside the images.
        categories: Images of each category that the types file names.
        recipes: Packaged recipes that use it.
    """

    name: str
    use: Use
    count: int = Field(ge=1)
    layouts: tuple[PartLayout, ...] = Field(min_length=1)
    evaluate: str = ""
    title: str = ""
    types_file: str = ""
    categories: dict[str, int] = Field(default_factory=dict)
    recipes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_its_use(self) -> DatasetPart:
        wanted = {"backgrounds": [{"image"}], "foregrounds": [{"image", "alpha"}, {"foreground", "alpha"}]}
        for layout in self.layouts:
            if layout.needed.keys() not in wanted.get(self.use, [{"image", "alpha"}]):
                raise ValueError(f"{self.use} can't be made of {', '.join(layout.needed) or 'nothing'}")
        if self.layouts[0].by:
            raise ValueError("the first layout is the authors' own")
        if {bool(self.evaluate), bool(self.title)} != {self.use == "evaluation"}:
            raise ValueError("evaluate and title go with use = 'evaluation'")
        return self


class PublishedSet(Block):
    """A dataset.

    Attributes:
        name: Its name in recipes and commands; that of the file.
        aliases: Other names, in lower case without signs.
        title: Its authors' name for it.
        about: What it holds, in a sentence or two.
        page: The authors' page.
        get: How to get the files.
        terms: What its authors say of its use, in short; their page decides.
        paper: Authors, title, venue, address.
        types: Image types that occur.
        category: Category of all images, if they have one.
        section: Its section in AIM's file of types.
        variable: Environment variable that recipes take its folder from.
        notes: Anything else that one should know.
        parts: Its splits.
    """

    name: str = Field(pattern=r"^[a-z0-9]+$")
    aliases: tuple[str, ...] = ()
    title: str
    about: str
    page: str = Field(pattern=r"^https?://")
    get: str
    terms: str
    paper: str
    types: tuple[Literal["SO", "STM", "NS"], ...]
    category: str = ""
    section: str = ""
    variable: str = Field(pattern=r"^[A-Z0-9]+$")
    notes: str = ""
    parts: tuple[DatasetPart, ...]

    @property
    def type(self) -> Literal["SO", "STM", "NS", ""]:
        """The type of all images; "" when there are several."""
        return self.types[0] if len(self.types) == 1 else ""

    def part(self, name: str = "", use: Use | None = None, where: str = "") -> DatasetPart:
        """The part of a name, in any case; the first that is meant for ``use`` when the name is empty.

        Raises:
            AimkitError: There is none; the hint names the nearest.
        """
        for part in self.parts:
            if plain(part.name) == plain(name) if name else use in (None, part.use):
                return part
        if not name:
            held = ", ".join(dict.fromkeys(part.use for part in self.parts))
            raise AimkitError(f"{self.title} holds no {use}", where, f"it holds {held}")
        raise AimkitError(
            f"{self.title} has no part '{name}'", where, did_you_mean(name, [part.name for part in self.parts])
        )


@cache
def published_sets() -> dict[str, PublishedSet]:
    """All of them by name, sorted.

    Raises:
        AimkitError: A file is wrong; all its errors are listed.
    """
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return {file.stem: parse(PublishedSet, {"name": file.stem, **read_toml(file)}, str(file)) for file in files}


def find_published(name: str, where: str = "") -> PublishedSet:
    """The dataset of a name, an alias or a title, in any case and with any signs ("AM-2k", "am2k").

    Raises:
        AimkitError: There is none; the hint names the nearest.
    """
    known = published_sets()
    for one in known.values():
        if plain(name) in (one.name, plain(one.title), *one.aliases):
            return one
    hint = did_you_mean(plain(name), [*known, *(alias for one in known.values() for alias in one.aliases)])
    raise AimkitError(f"unknown dataset '{name}'", where, f"{hint} ('aimkit catalog ls')")


def evaluation_parts() -> dict[str, tuple[PublishedSet, DatasetPart]]:
    """Parts to evaluate on, by the name that ``--data`` takes."""
    return {part.evaluate: (one, part) for one in published_sets().values() for part in one.parts if part.evaluate}


def plain(name: str) -> str:
    """A name in lower case, letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
