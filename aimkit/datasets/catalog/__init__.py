"""Published datasets by name: content, download, terms, and the folders in which their authors publish them.

All of it is data: one TOML file per dataset in this folder, read as :class:`PublishedSet`. ``aimkit catalog`` shows
and checks them. Recipes use them through the source and stream kind "catalog", evaluation through the name of a part;
all of them find the folders with :func:`aimkit.datasets.catalog.layout.locate`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from aimkit.errors import AimkitError
from aimkit.recipe import Block, parse
from aimkit.registry import did_you_mean
from aimkit.toml_files import read_toml

Use = Literal["foregrounds", "backgrounds", "saliency", "evaluation"]


def _folders(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


#: One folder or several that are read as one, relative to the part's folder; "." is that folder itself.
Folders = Annotated[tuple[str, ...], BeforeValidator(_folders)]


class PartLayout(Block):
    """Folders of a part's planes. Files of a pair have the same name except for the suffix.

    Attributes:
        folder: The part's folder relative to the dataset's; "" when they are the same.
        image: Folders of photos, or of backgrounds.
        foreground: Folders of the colours of cut-outs.
        alpha: Folders of mattes or masks.
        trimap: Folders of trimaps, which are optional.
        by: Who arranges the files this way; "" for the dataset's authors.
    """

    folder: str = ""
    image: Folders = ()
    foreground: Folders = ()
    alpha: Folders = ()
    trimap: Folders = ()
    by: str = ""

    @property
    def needed(self) -> dict[str, tuple[str, ...]]:
        """Required folders by role."""
        return {role: getattr(self, role) for role in ("image", "foreground", "alpha") if getattr(self, role)}


class DatasetPart(Block):
    """One part of a dataset, such as its training or validation split.

    Attributes:
        name: Name that the authors use.
        use: What aimkit uses the part for.
        count: Number of published images.
        layouts: Possible folder layouts; the authors' own comes first.
        evaluate: Name for ``aimkit evaluate --data NAME``; "" unless ``use`` is "evaluation".
        title: Name in the protocol of an evaluation; "" unless ``use`` is "evaluation".
        types_file: Name of the file of types and categories beside the images, or "".
        categories: Number of images of each category in the types file.
        recipes: Packaged recipes that use the part.
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
                raise ValueError(f"{self.use} can't be made from {', '.join(layout.needed) or 'no folders'}")
        if self.layouts[0].by:
            raise ValueError("the first layout must be the authors' own, without 'by'")
        if {bool(self.evaluate), bool(self.title)} != {self.use == "evaluation"}:
            raise ValueError("set evaluate and title if and only if use = 'evaluation'")
        return self


class HubMirror(Block):
    """A copy of a part on the Hugging Face hub that may be fetched.

    Attributes:
        part: Name of the part.
        hub: Name of the dataset on the hub, ``ORG/NAME``.
        licence: Licence under which the mirror gives it.
        split: Split of the dataset on the hub; "" for its only one.
    """

    part: str
    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    licence: str = Field(min_length=2)
    split: str = ""


class PublishedSet(Block):
    """A published dataset of the catalog.

    Attributes:
        name: Name in recipes and commands; the stem of its file.
        aliases: Other names, in lower case, letters and digits only.
        title: Name that the authors use.
        about: Description of the content, one or two sentences.
        page: URL of the authors' page.
        get: How to download the files.
        terms: Terms of use in short; the authors' page is decisive.
        paper: Authors, title, venue and URL of the paper.
        types: Image types that occur: SO, STM, NS.
        category: Category of all images; "" if they differ.
        section: Section of the dataset in AIM's types file, or "".
        variable: Environment variable that packaged recipes read its folder from.
        notes: Further remarks.
        parts: Parts of the dataset.
        mirrors: Copies on the hub that ``aimkit catalog get`` fetches.
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
    mirrors: tuple[HubMirror, ...] = ()

    @model_validator(mode="after")
    def _mirrors_of_its_parts(self) -> PublishedSet:
        for mirror in self.mirrors:
            if mirror.part not in [part.name for part in self.parts]:
                raise ValueError(f"the mirror {mirror.hub} is of an unknown part '{mirror.part}'")
        return self

    @property
    def type(self) -> Literal["SO", "STM", "NS", ""]:
        """The type of all images; "" if they differ."""
        return self.types[0] if len(self.types) == 1 else ""

    def part(self, name: str = "", use: Use | None = None, where: str = "") -> DatasetPart:
        """Look up a part.

        Args:
            name: Name of the part, in any case; when empty, the first part for ``use``.
            use: What the part must be for; any use when None.
            where: Place in the user's input, for error messages.

        Raises:
            AimkitError: No such part; the hint names the nearest.
        """
        for part in self.parts:
            if plain(part.name) == plain(name) if name else use in (None, part.use):
                return part
        if not name:
            held = ", ".join(dict.fromkeys(part.use for part in self.parts))
            raise AimkitError(f"{self.title} has no {use}", where, f"it has {held}")
        raise AimkitError(
            f"{self.title} has no part '{name}'", where, did_you_mean(name, [part.name for part in self.parts])
        )


@cache
def published_sets() -> dict[str, PublishedSet]:
    """All published datasets by name, sorted.

    Raises:
        AimkitError: A file of the catalog is invalid; all its errors are listed.
    """
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return {file.stem: parse(PublishedSet, {"name": file.stem, **read_toml(file)}, str(file)) for file in files}


def find_published(name: str, where: str = "") -> PublishedSet:
    """Look up a dataset by name, alias or title; case and punctuation are ignored ("AM-2k", "am2k").

    Args:
        name: Name, alias or title.
        where: Place in the user's input, for error messages.

    Raises:
        AimkitError: No such dataset; the hint names the nearest.
    """
    sets = published_sets()
    for one in sets.values():
        if plain(name) in (one.name, plain(one.title), *one.aliases):
            return one
    hint = did_you_mean(plain(name), [*sets, *(alias for one in sets.values() for alias in one.aliases)])
    raise AimkitError(f"unknown dataset '{name}'", where, f"{hint} ('aimkit catalog ls')")


def evaluation_parts() -> dict[str, tuple[PublishedSet, DatasetPart]]:
    """Parts for evaluation, by the name that ``aimkit evaluate --data`` takes."""
    return {part.evaluate: (one, part) for one in published_sets().values() for part in one.parts if part.evaluate}


def plain(name: str) -> str:
    """Reduce a name to lower-case letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
