"""The engine: a recipe and an index determine a sample.

Every draw of a sample comes from a stream named after the recipe's seed, the index and what it is for, so that samples
can be made in any order, by any number of workers, and once more years later. Planes are brought to 8 bit before they
are blended: what is stored is what was blended, and the compositing equation holds on the files to the last rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

import aimkit
from aimkit.errors import AimkitError
from aimkit.rng import rng
from aimkit.synth import labels
from aimkit.synth.compose import blend, over
from aimkit.synth.geometry import displace
from aimkit.synth.placement import canvas_size, place_background, place_foreground
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.sources import Item, background_sources, foreground_sources
from aimkit.synth.steps import Scene, steps
from aimkit.synth.steps.color import tint_background
from aimkit.types import Array, Float, Foreground, ImageType, Sample, to_float, to_uint8

#: Attempts at another foreground or background when one can't be read.
_ATTEMPTS = 8


@dataclass(frozen=True)
class _Entry:
    """An item of a source, found by its place in the list of all items."""

    source: Any
    block: Any
    position: int

    @property
    def item(self) -> Item:
        item: Item = self.source.items[self.position]
        return item


class Synthesizer(Sequence[Sample]):
    """Makes the samples of a recipe; ``synthesizer[i]`` is a pure function of the recipe and ``i``.

    Args:
        recipe: What to make.

    Raises:
        AimkitError: A source can't be opened, or has nothing to offer.
    """

    def __init__(self, recipe: SynthRecipe) -> None:
        self.recipe = recipe
        self.digest = recipe.digest()
        self._foregrounds = _entries(recipe.foregrounds, foreground_sources, "foregrounds")
        self._backgrounds = _entries(recipe.backgrounds, background_sources, "backgrounds")
        self._passes = [e for e in self._foregrounds for _ in range(e.block.repeat)]
        self._chances = {"foregrounds": _chances(self._foregrounds), "backgrounds": _chances(self._backgrounds)}
        types = [str(entry.item.type) for entry in self._foregrounds]
        self._of_type = {name: np.array([name == own for own in types]) for name in set(types)}
        self._check_balance()
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def __len__(self) -> int:
        return self.recipe.count or len(self._passes)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.sample(index)

    def sample(self, index: int) -> Sample:
        """The sample of any index from 0 up; unlike ``[i]`` it goes on behind the end, for training without epochs.

        Raises:
            AimkitError: Too many of the sample's sources in a row can't be read.
        """
        recipe, history = self.recipe, _History()
        size = canvas_size(recipe.placement, self._rng(index, "size"))
        scene, category = self._foreground_scene(index, size, history)
        size = (scene.alpha.shape[0], scene.alpha.shape[1])
        self._add_background(scene, index, size, history)
        self._apply("planes", scene, index, history)
        return self._finish(scene, category, index, history)

    def _rng(self, index: int, *names: str | int) -> np.random.Generator:
        return rng(self.recipe.seed, "sample", index, *names)

    def _foreground_scene(self, index: int, size: tuple[int, int], history: _History) -> tuple[Scene, str]:
        """Foregrounds of one type loaded, treated and placed, the first in front; and the first one's category."""
        recipe = self.recipe
        draw = self._rng(index, "layers")
        chances = np.asarray(recipe.placement.layers) / sum(recipe.placement.layers)
        layers = 1 + int(draw.choice(len(chances), p=chances))
        empty = bool(self._rng(index, "background only").random() < recipe.hard_cases.background_only)
        union: tuple[Float, Float] | None = None
        first: Foreground | None = None
        for layer in range(layers):
            loaded = self._load_foreground(index, layer, first.type if first else None, size, history)
            first = first or loaded
            scene = Scene(loaded.color, loaded.alpha, np.zeros((0, 0, 3), np.float32), loaded.type)
            self._apply("foreground", scene, index, history, layer)
            # A step that changed the size has moved away from the field of refraction.
            bent = loaded.refraction if scene.alpha is loaded.alpha else None
            treated = Foreground(scene.foreground, scene.alpha, loaded.type, refraction=bent)
            if recipe.placement.mode == "stretch":
                size = treated.size if union is None else (union[1].shape[0], union[1].shape[1])
            draw = self._rng(index, "placement", layer)
            placed, drawn = place_foreground(recipe.placement, treated, size, draw)
            history.add("place_foreground", drawn, layer=layer)
            front = (placed.color, placed.alpha)
            union = front if union is None else over(union, front)
            if placed.refraction is not None and not empty:
                history.refraction = placed.refraction + (0 if history.refraction is None else history.refraction)
        assert union is not None
        assert first is not None
        color, alpha = union
        if empty:
            alpha = np.zeros_like(alpha)
            history.add("background_only", {})
        return Scene(color, alpha, np.zeros((0, 0, 3), np.float32), first.type), first.category

    def _load_foreground(
        self, index: int, layer: int, image_type: ImageType | None, size: tuple[int, int], history: _History
    ) -> Foreground:
        def load(entry: _Entry, attempt: int) -> Foreground:
            stream = self._rng(index, "foreground", layer, attempt)
            foreground: Foreground = entry.source.load(entry.position, size, stream)
            if not foreground.valid:
                history.break_equation()
            return foreground

        # Only the first attempt at the first layer is the pass's own. Further layers have the type of the first: no
        # label is right for a union of types.
        def pick(attempt: int) -> _Entry:
            if self.recipe.selection == "enumerate" and layer == attempt == 0:
                turn, place = divmod(index, len(self._passes))
                return self._passes[self._order("foregrounds", turn, len(self._passes))[place]]
            return self._draw(self._rng(index, "choose foreground", layer, attempt), image_type)

        return self._attempt("foreground", index, pick, load, history)

    def _add_background(self, scene: Scene, index: int, size: tuple[int, int], history: _History) -> None:
        recipe = self.recipe
        number = index % len(self._passes) if recipe.pairing == "once" else index

        def pick(attempt: int) -> _Entry:
            if recipe.selection == "enumerate" and attempt == 0:
                turn, place = divmod(number, len(self._backgrounds))
                return self._backgrounds[self._order("backgrounds", turn, len(self._backgrounds))[place]]
            draw = rng(recipe.seed, "sample", number, "choose background", attempt)
            return self._backgrounds[int(draw.choice(len(self._backgrounds), p=self._chances["backgrounds"]))]

        def load(entry: _Entry, attempt: int) -> Float:
            image: Float = entry.source.load(entry.position, size, self._rng(index, "background", attempt))
            return image

        background = self._attempt("background", index, pick, load, history)
        scene.background, drawn = place_background(
            recipe.placement, background, size, self._rng(index, "place background")
        )
        history.add("place_background", drawn)
        if history.refraction is not None:
            # The background that is stored is the one that is seen through the glass, and so the equation holds.
            scene.background = displace(scene.background, history.refraction)
            history.add("refraction", {"largest": round(float(np.abs(history.refraction).max()), 3)})
        draw = self._rng(index, "similar background")
        if draw.random() < recipe.hard_cases.similar_background:
            strength = float(draw.uniform(0.6, 1.0))
            tint_background(scene, strength)
            history.add("similar_background", {"strength": round(strength, 4)})

    def _attempt(self, role: str, index: int, pick: Any, load: Any, history: _History) -> Any:
        """Load what ``pick`` names; set aside what can't be read and try the next."""
        for attempt in range(_ATTEMPTS):
            entry = pick(attempt)
            try:
                loaded = load(entry, attempt)
            except AimkitError as error:
                history.quarantined.append(
                    {"role": role, "id": entry.item.id, "source": entry.item.source, "error": error.what}
                )
                last = error
                continue
            history.sources.append({"role": role, **_known(entry.item)})
            return loaded
        raise AimkitError(
            f"{_ATTEMPTS} {role}s in a row can't be read; the last: {last.what}",
            f"sample {index}, {last.where}",
            "check the source folders",
            exit_code=1,
        )

    def _apply(self, stage: str, scene: Scene, index: int, history: _History, layer: int = 0) -> None:
        """Apply the recipe's steps of one stage, each with a stream named after it."""
        seen: dict[str, int] = {}
        for block in self.recipe.steps:
            occurrence = seen[block.step] = seen.get(block.step, -1) + 1
            entry = steps.get(block.step)
            if entry.info["on"] != stage:
                continue
            stream = self._rng(index, "step", block.step, occurrence, layer)
            if stream.random() < block.p:
                drawn = entry.value(scene, block, stream)
                history.add(block.step, drawn, **({"layer": layer} if stage == "foreground" else {}))
                if not entry.info["keeps_equation"]:
                    history.break_equation()

    def _finish(self, scene: Scene, category: str, index: int, history: _History) -> Sample:
        """Bring the planes to 8 bit, blend them, treat the composite, label the alpha."""
        recipe = self.recipe
        alpha = to_uint8(scene.alpha)
        scene.foreground = to_float(to_uint8(scene.foreground))
        scene.background = to_float(to_uint8(scene.background))
        linear = recipe.blend == "linear"
        scene.image = blend(scene.foreground, to_float(alpha), scene.background, linear=linear)
        if linear:
            history.break_equation()
        self._apply("image", scene, index, history)
        trimap, label_meta = self._trimap(alpha, index)
        meta = {
            "aimkit": aimkit.__version__,
            "recipe": self.digest,
            "seed": recipe.seed,
            "index": index,
            "size": list(alpha.shape),
            "blend": recipe.blend,
            "composition_valid": history.valid,
            "sources": history.sources,
            "operations": history.operations,
            "label": label_meta,
        }
        if history.quarantined:
            meta["quarantined"] = history.quarantined
        return Sample(
            image=to_uint8(scene.image),
            alpha=alpha,
            trimap=trimap,
            label=labels.restrict(trimap, scene.type),
            foreground=to_uint8(scene.foreground),
            background=to_uint8(scene.background),
            type=scene.type,
            category=category,
            meta=meta,
        )

    def _trimap(self, alpha: Array, index: int) -> tuple[Array, dict[str, Any]]:
        how = self.recipe.labels
        draw = self._rng(index, "label")
        dilate, erode = (int(k) for k in draw.integers(how.kernel[0], how.kernel[1] + 1, 2))
        if how.relative:
            dilate, erode = (max(1, round(k * min(alpha.shape) / 1000)) for k in (dilate, erode))
        return labels.make(alpha, how.schedule, (dilate, erode)), {"schedule": how.schedule, "kernel": [dilate, erode]}

    def _draw(self, draw: np.random.Generator, image_type: str | None = None) -> _Entry:
        """A foreground by weight: of that type, or of a type drawn first when the recipe balances types."""
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
                    f"balance asks for {name}, but no foreground has that type", "balance", f"there is {have}"
                )

    def _shuffled(self, what: str, turn: int, count: int) -> Array:
        return rng(self.recipe.seed, "order", what, turn).permutation(count)


class _History:
    """What happened to a sample: its sources, its operations, whether I = aF + (1-a)B still holds, and what is bent."""

    def __init__(self) -> None:
        self.sources: list[dict[str, Any]] = []
        self.operations: list[dict[str, Any]] = []
        self.quarantined: list[dict[str, Any]] = []
        self.valid = True
        self.refraction: Float | None = None

    def add(self, name: str, drawn: dict[str, Any], **more: Any) -> None:
        self.operations.append({"name": name, **more, **drawn})

    def break_equation(self) -> None:
        self.valid = False


def _entries(blocks: Any, registry: Any, where: str) -> list[_Entry]:
    cv2.setNumThreads(1)  # workers are processes; threads inside them only fight for the same cores
    entries = []
    for number, block in enumerate(blocks):
        source = registry.get(block.source).value(block)
        if not len(source.items):
            raise AimkitError(
                f"the source '{block.title}' has no usable images", f"{where}.{number}", "check its folder"
            )
        entries += [_Entry(source, block, position) for position in range(len(source.items))]
    return entries


def _chances(entries: list[_Entry]) -> Array:
    """Chances of every entry: a source's weight is shared evenly among its items."""
    chances = np.array([entry.block.weight / len(entry.source.items) for entry in entries])
    return chances / chances.sum()


def _known(item: Item) -> dict[str, Any]:
    """The item's fields for provenance, without the empty ones."""
    return {name: str(value) for name, value in asdict(item).items() if value}
