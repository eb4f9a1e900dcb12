"""Which foregrounds and backgrounds of a recipe a sample gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.rng import rng
from aimkit.synth.drawn_layers import DrawnLayers
from aimkit.synth.layer import Layer
from aimkit.synth.lru_cache import LRUCache
from aimkit.synth.provenance import Provenance
from aimkit.synth.pyramid import ImagePyramid, ShadowPyramid
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.source import Item, background_sources, foreground_sources
from aimkit.types import Array, Foreground, ImageType

#: Attempts at another foreground or background when one can't be read.
_ATTEMPTS = 8


@dataclass(frozen=True)
class _SourceEntry:
    """An item of a source.

    Attributes:
        source: The open source.
        block: Its table in the recipe.
        position: Index into the source's items.
    """

    source: Any
    block: Any
    position: int

    @property
    def item(self) -> Item:
        item: Item = self.source.items[self.position]
        return item

    @property
    def drawn_by(self) -> str:
        """What decides how the item is drawn: its generator and parameters, and its category."""
        blocks = getattr(self.source, "blocks", None)
        block = self.block if blocks is None else blocks[self.position]
        return f"{type(block).__module__} {block.model_dump_json()} {self.item.id} {self.item.category}"


class SourceSampler:
    """Chooses and opens the foregrounds and backgrounds of samples, drawn by weight and type or in passes over all.

    Args:
        recipe: The recipe; only its sources, balance, selection, pairing and seed matter.
        keep: Bytes of decoded pictures to cache for later samples, which they don't change.
        drawn: Cache of what generators drew, shared with other recipes; None draws everything anew.

    Attributes:
        sources: The stored items by source, see :mod:`aimkit.datasets.source_list`.
        reports: What the sources of stored pictures left out.

    Raises:
        AimkitError: A source can't be opened, or has nothing to offer.
    """

    def __init__(self, recipe: SynthRecipe, keep: int = 0, drawn: DrawnLayers | None = None) -> None:
        self.recipe, self._drawn = recipe, drawn
        self._cache = LRUCache(keep)
        self._foregrounds = _entries(recipe.foregrounds, foreground_sources, "foregrounds")
        self._backgrounds = _entries(recipe.backgrounds, background_sources, "backgrounds")
        opened = [("foregrounds", self._foregrounds), ("backgrounds", self._backgrounds)]
        self.sources = {f"{role}.{title}": listed for role, found in opened for title, listed in _listed(found)}
        self.reports = [entry.source.report for _, found in opened for entry in found if _is_first_stored(entry)]
        self._passes = [e for e in self._foregrounds for _ in range(e.block.repeat)]
        self._chances = {"foregrounds": _chances(self._foregrounds), "backgrounds": _chances(self._backgrounds)}
        types = [str(entry.item.type) for entry in self._foregrounds]
        self._of_type = {name: np.array([name == own for own in types]) for name in set(types)}
        # What is everywhere, as fog is, is nothing beside the subject.
        self._things = np.array([own != str(ImageType.NS) for own in types])
        self._check_balance()
        if recipe.distractors is not None and not self._things.any():
            raise AimkitError(
                "no foreground can be a distractor", "distractors", "give the recipe SO or STM foregrounds"
            )
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def __len__(self) -> int:
        """Number of samples in one pass over the foregrounds."""
        return len(self._passes)

    def foreground(
        self, index: int, layer: int, image_type: ImageType | None, size: tuple[int, int], provenance: Provenance
    ) -> Layer:
        """The foreground of one layer of a sample.

        Args:
            index: Index of the sample.
            layer: Number of the layer, 0 in front.
            image_type: Type that the foreground must have, or None.
            size: (height, width) of the canvas, for sources that draw.
            provenance: Gets the source.

        Raises:
            AimkitError: Too many in a row can't be read.
        """

        def load(entry: _SourceEntry, attempt: int) -> Layer:
            loaded = self._load_foreground(entry, size, (index, "foreground", layer, attempt))
            if not loaded.valid:
                provenance.break_equation()
            return loaded

        # Only the first attempt at the first layer is the pass's own. Further layers have the type of the first: no
        # label is right for a union of types.
        def pick(attempt: int) -> _SourceEntry:
            if self.recipe.selection == "enumerate" and layer == attempt == 0:
                turn, place = divmod(index, len(self._passes))
                return self._passes[self._order("foregrounds", turn, len(self._passes))[place]]
            return self._draw(self._rng(index, "choose foreground", layer, attempt), image_type)

        return self._attempt("foreground", index, pick, load, provenance)

    def background(self, index: int, size: tuple[int, int], provenance: Provenance) -> Layer:
        """The background of a sample; arguments and errors as for :meth:`foreground`."""
        recipe = self.recipe
        number = index % len(self._passes) if recipe.pairing == "once" else index

        def pick(attempt: int) -> _SourceEntry:
            if recipe.selection == "enumerate" and attempt == 0:
                turn, place = divmod(number, len(self._backgrounds))
                return self._backgrounds[self._order("backgrounds", turn, len(self._backgrounds))[place]]
            return self._any_background(self._rng(number, "choose background", attempt))

        def load(entry: _SourceEntry, attempt: int) -> Layer:
            return self._load_background(entry, size, (index, "background", attempt))

        return self._attempt("background", index, pick, load, provenance)

    def texture(self, index: int, layer: int, size: tuple[int, int], provenance: Provenance) -> Layer:
        """A background for a foreground to show within its outline; arguments and errors as for :meth:`foreground`."""

        def pick(attempt: int) -> _SourceEntry:
            return self._any_background(self._rng(index, "choose colors", layer, attempt))

        def load(entry: _SourceEntry, attempt: int) -> Layer:
            return self._load_background(entry, size, (index, "colors", layer, attempt))

        return self._attempt("texture", index, pick, load, provenance)

    def distractor(self, index: int, number: int, size: tuple[int, int], provenance: Provenance) -> Layer | None:
        """A foreground that is not a subject of the sample, for its background; None if no draw finds another.

        Arguments and errors as for :meth:`foreground`.
        """
        subjects = {(row["source"], row["id"]) for row in provenance.sources if row["role"] == "foreground"}
        chances = self._chances["foregrounds"] * self._things

        def pick(attempt: int) -> _SourceEntry:
            draw = self._rng(index, "choose distractor", number, attempt)
            chosen = draw.choice(len(self._foregrounds), _ATTEMPTS, p=chances / chances.sum())
            entries = (self._foregrounds[int(one)] for one in chosen)
            entry = next((one for one in entries if (one.item.source, one.item.id) not in subjects), None)
            if entry is None:
                raise LookupError
            return entry

        def load(entry: _SourceEntry, attempt: int) -> Layer:
            # It is drawn into the background, so the equation holds whatever it was drawn for.
            return self._load_foreground(entry, size, (index, "distractor", number, attempt))

        try:
            return self._attempt("distractor", index, pick, load, provenance)
        except LookupError:
            return None

    def _rng(self, index: int | str, *names: str | int) -> np.random.Generator:
        return rng(self.recipe.seed, "sample", index, *names)

    def _attempt(
        self,
        role: str,
        index: int,
        pick: Callable[[int], _SourceEntry],
        load: Callable[[_SourceEntry, int], Layer],
        provenance: Provenance,
    ) -> Layer:
        """Load the entry that ``pick`` names; set aside one that can't be read and try the next."""
        for attempt in range(_ATTEMPTS):
            entry = pick(attempt)
            try:
                loaded = load(entry, attempt)
            except AimkitError as error:
                provenance.quarantined.append(
                    {"role": role, "id": entry.item.id, "source": entry.item.source, "error": error.what}
                )
                last = error
                continue
            provenance.sources.append({"role": role, **_known(entry.item)})
            return loaded
        raise AimkitError(
            f"{_ATTEMPTS} {role}s in a row can't be read; the last: {last.what}",
            f"sample {index}, {last.where}",
            "check the source folders",
            exit_code=1,
        )

    def _open(self, entry: _SourceEntry) -> ImagePyramid:
        """The picture of a stored item."""

        def make() -> ImagePyramid:
            picture: ImagePyramid = entry.source.picture(entry.position)
            return picture

        # The operating system caches files that a pool maps, for all processes together.
        if getattr(entry.source, "mapped", False):
            return make()
        return self._cache.get((id(entry.source), entry.position), make)

    def _shadow(self, entry: _SourceEntry) -> ShadowPyramid | None:
        """The shadow layer of a stored item, if a step may ask for it."""
        if not any(step.casts for step in self.recipe.steps):
            return None
        read = getattr(entry.source, "shadow", None)
        found: ShadowPyramid | None = read(entry.position) if read else None
        return found

    def _load_foreground(self, entry: _SourceEntry, size: tuple[int, int], names: tuple[int | str, ...]) -> Layer:
        """A foreground; a generator draws it from the stream of these names."""
        if hasattr(entry.source, "picture"):
            item = entry.item
            assert item.type is not None
            return Layer(self._open(entry), item.type, item.category, shadow=self._shadow(entry))

        def draw() -> Layer:
            drawn: Foreground = entry.source.load(entry.position, size, self._rng(*names))
            return Layer(
                ImagePyramid(drawn.color, drawn.alpha),
                drawn.type,
                drawn.category,
                refraction=drawn.refraction,
                floats=drawn.floats,
                valid=drawn.valid,
            )

        return self._draw_once(entry, size, names, draw)

    def _any_background(self, draw: np.random.Generator) -> _SourceEntry:
        return self._backgrounds[int(draw.choice(len(self._backgrounds), p=self._chances["backgrounds"]))]

    def _load_background(self, entry: _SourceEntry, size: tuple[int, int], names: tuple[int | str, ...]) -> Layer:
        if hasattr(entry.source, "picture"):
            return Layer(self._open(entry))

        def draw() -> Layer:
            return Layer(ImagePyramid(entry.source.load(entry.position, size, self._rng(*names))))

        return self._draw_once(entry, size, names, draw)

    def _draw_once(
        self, entry: _SourceEntry, size: tuple[int, int], names: tuple[int | str, ...], draw: Callable[[], Layer]
    ) -> Layer:
        if self._drawn is None:
            return draw()
        return self._drawn.get((entry.drawn_by, size, self.recipe.seed, *names), draw)

    def _draw(self, draw: np.random.Generator, image_type: str | None = None) -> _SourceEntry:
        """A foreground by weight: of that type, or of a type that is drawn first when the recipe balances types."""
        if image_type is None and self.recipe.balance:
            total = sum(self.recipe.balance.values())
            image_type = str(
                draw.choice(list(self.recipe.balance), p=[s / total for s in self.recipe.balance.values()])
            )
        chances = self._chances["foregrounds"]
        if image_type is not None:
            chances = chances * self._of_type[image_type]
        return self._foregrounds[int(draw.choice(len(self._foregrounds), p=chances / chances.sum()))]

    def _check_balance(self) -> None:
        for name, share in self.recipe.balance.items():
            if share > 0 and not self._of_type.get(name, np.zeros(1)).any():
                have = ", ".join(sorted(self._of_type))
                raise AimkitError(
                    f"balance asks for {name}, but no foreground has that type",
                    "balance",
                    f"the foregrounds have {have}",
                )

    def _shuffled(self, what: str, turn: int, count: int) -> Array:
        return rng(self.recipe.seed, "order", what, turn).permutation(count)


def _entries(blocks: Any, registry: Any, where: str) -> list[_SourceEntry]:
    cv2.setNumThreads(1)  # workers are processes; threads inside them only fight for the same cores
    entries = []
    for number, block in enumerate(blocks):
        if not block.weight:
            continue
        source = registry.get(block.source).value(block)
        if not len(source.items):
            raise AimkitError(
                f"the source '{block.title}' has no usable images", f"{where}.{number}", "check its folder"
            )
        entries += [_SourceEntry(source, block, position) for position in range(len(source.items))]
    if not entries:
        raise AimkitError("every source has weight 0", where, "give at least one source a weight above 0")
    return entries


def _listed(entries: list[_SourceEntry]) -> Iterator[tuple[str, dict[str, str]]]:
    """(number and title, stored items) of every source that has some."""
    sources = {id(entry.source): entry for entry in entries}
    for number, entry in enumerate(sources.values()):
        items = {
            item.id: " ".join(filter(None, (item.digest[:16], str(item.type or ""), item.category)))
            for item in entry.source.items
            if item.digest
        }
        if items:
            yield f"{number} {entry.block.title}", items


def _is_first_stored(entry: _SourceEntry) -> bool:
    return entry.position == 0 and hasattr(entry.source, "report")


def _chances(entries: list[_SourceEntry]) -> Array:
    """Probability of every entry: a source's weight is shared evenly among its items."""
    chances = np.array([entry.block.weight / len(entry.source.items) for entry in entries])
    return chances / chances.sum()


def _known(item: Item) -> dict[str, Any]:
    """The item's fields for provenance, without the empty ones."""
    return {name: str(value) for name, value in asdict(item).items() if value}
