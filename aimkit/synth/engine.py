"""The engine: a recipe and an index determine a sample.

Every draw of a sample comes from a stream named after the recipe's seed, the index and what it is for, so that samples
can be made in any order, by any number of workers, and once more years later. Planes are brought to 8 bit before they
are blended: what is stored is what was blended, and the compositing equation holds on the files to the last rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

import aimkit
from aimkit.matting.composite import blend, blend_levels, over
from aimkit.matting.trimap import make_trimap, restrict
from aimkit.rng import rng
from aimkit.synth.geometry import displace, render, render_matte
from aimkit.synth.history import History
from aimkit.synth.picture import Picture
from aimkit.synth.placement import canvas_size, place_background, place_foreground
from aimkit.synth.pyramid import Pyramid
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.steps import Scene, steps
from aimkit.synth.steps.color import tint_background
from aimkit.synth.stock import Stock
from aimkit.synth.unblended import Deferred, Unblended
from aimkit.synth.view import View
from aimkit.types import Array, Float, ImageType, Sample, to_float

#: (canvas, transition) -> view; ``transition()`` gives weights of an overview's pixels, float32, (h, w).
Choose = Callable[[tuple[int, int], Callable[[], Float]], View]

#: A step's block, its registry entry and its stream.
_Chosen = tuple[Any, Any, np.random.Generator]


class Synthesizer(Sequence[Sample]):
    """Makes the samples of a recipe; ``synthesizer[i]`` is a pure function of the recipe and ``i``.

    Args:
        recipe: What to make.
        keep: Bytes of decoded pictures that are kept for later samples, which they don't change.

    Raises:
        AimkitError: A source can't be opened, or has nothing to offer.
    """

    def __init__(self, recipe: SynthRecipe, keep: int = 0) -> None:
        self.recipe = recipe
        self.digest = recipe.digest()
        self._stock = Stock(recipe, keep)

    def __len__(self) -> int:
        return self.recipe.count or len(self._stock)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.sample(index)

    def sample(self, index: int) -> Sample:
        """The sample of any index from 0 up; unlike ``[i]`` it goes on behind the end, for training without epochs.

        Raises:
            AimkitError: Too many of the sample's sources in a row can't be read.
        """
        layout = self._layout(index)
        return self._render(layout, View.whole(layout.size))

    def window(self, index: int, choose: Choose) -> Sample:
        """A part of a sample, at full size or reduced, made without making the rest.

        At full size it equals that part of :meth:`sample` in every pixel. Reduced, colours and mattes are averaged
        before they are blended instead of after it, and lengths and noise are scaled.

        Args:
            index: As for :meth:`sample`.
            choose: Chooses the view, given the canvas and where there is transition on it.

        Raises:
            AimkitError: As for :meth:`sample`.
        """
        layout = self._layout(index)
        view = choose(layout.size, partial(self._transition, layout))
        return self._render(layout, view)

    def unblended(self, index: int, choose: Choose, size: tuple[int, int]) -> Unblended | Sample:
        """As :meth:`window`, but the steps, the blending and the label are left to the caller, where that can be.

        Args:
            index: As for :meth:`sample`.
            choose: As for :meth:`window`.
            size: (height, width) that views of unblended samples have.

        Returns:
            The finished sample, when its view has another size or it got a step that has no ``draw``.

        Raises:
            AimkitError: As for :meth:`sample`.
        """
        layout = self._layout(index)
        view = choose(layout.size, partial(self._transition, layout))
        chosen = [*self._chosen("planes", index), *self._chosen("image", index)]
        if view.size != size or not all("draw" in entry.info for _, entry, _ in chosen):
            return self._render(layout, view)
        ready = self._prepare(layout, view)
        scene, history, deferred = ready.scene, ready.history, []
        for block, entry, stream in [*ready.planes, *ready.image]:
            drawn = entry.info["draw"](scene, block, stream)
            history.add(block.step, drawn.record)
            if not entry.info["keeps_equation"]:
                history.break_equation()
            if drawn.values:
                place = next(n for n, known in enumerate(self.recipe.steps) if known is block)
                deferred.append(Deferred(place, block.step, drawn))
        linear = self.recipe.blend == "linear"
        if linear:
            history.break_equation()
        return Unblended(
            foreground=scene.levels("foreground"),
            alpha=scene.levels("alpha"),
            background=scene.levels("background"),
            view=view,
            grown=ready.grown,
            steps=deferred,
            schedule=self.recipe.labels.schedule,
            kernel=ready.kernel,
            linear=linear,
            type=scene.type,
            category=layout.layers[0].category,
            meta=self._meta(layout, view, ready),
        )

    def _rng(self, index: int, *names: str | int) -> np.random.Generator:
        return rng(self.recipe.seed, "sample", index, *names)

    def _layout(self, index: int) -> _Layout:
        """What goes where: sources are opened and places drawn; no pixel is moved yet."""
        recipe, history = self.recipe, History()
        size = canvas_size(recipe.placement, self._rng(index, "size"))
        draw = self._rng(index, "layers")
        chances = np.asarray(recipe.placement.layers) / sum(recipe.placement.layers)
        count = 1 + int(draw.choice(len(chances), p=chances))
        layers: list[Picture] = []
        for layer in range(count):
            loaded = self._stock.foreground(index, layer, layers[0].type if layers else None, size, history)
            loaded = self._treated(loaded, index, layer, history)
            if recipe.placement.mode == "stretch" and not layers:
                size = loaded.picture.size
            draw = self._rng(index, "placement", layer)
            place = place_foreground(recipe.placement, loaded.picture, loaded.type, size, draw)
            history.add("place_foreground", place.drawn, layer=layer)
            layers.append(self._recolored(replace(loaded, place=place), index, layer, size, history))
        empty = bool(self._rng(index, "background only").random() < recipe.hard_cases.background_only)
        if empty:
            history.add("background_only", {})
        background = self._stock.background(index, size, history)
        draw = self._rng(index, "place background")
        place = place_background(recipe.placement, background.picture.size, size, draw)
        history.add("place_background", place.drawn)
        return _Layout(index, size, layers, empty, replace(background, place=place), history)

    def _recolored(self, layer: Picture, index: int, number: int, size: tuple[int, int], history: History) -> Picture:
        """A foreground with the colours of a background (MGMatting, CVPR 2021), should it get some."""
        chance = self.recipe.hard_cases.borrowed_colors
        # What has no outline, and what is seen through, would be no thing of other colours but none at all.
        if not chance or layer.type is ImageType.NS or layer.refraction is not None:
            return layer
        draw = self._rng(index, "borrowed colors", number)
        if draw.random() >= chance:
            return layer
        other = self._stock.colors(index, number, size, history)
        place = place_background(self.recipe.placement, other.picture.size, size, draw)
        share = round(float(draw.uniform(0.5, 1.0)), 4)
        history.add("borrowed_colors", {"share": share, **place.drawn}, layer=number)
        return replace(layer, borrowed=(replace(other, place=place), share))

    def _treated(self, loaded: Picture, index: int, layer: int, history: History) -> Picture:
        """A foreground after the steps that act on it as a whole."""
        chosen = list(self._chosen("foreground", index, layer))
        if not chosen:
            return loaded
        color, alpha = loaded.picture.level(0)
        assert alpha is not None
        scene = Scene(color, alpha, type=loaded.type)
        self._apply(chosen, scene, history, layer)
        # A step that moved the matte has moved away from the field of refraction.
        still = scene.alpha.shape == alpha.shape and np.array_equal(scene.alpha, to_float(alpha))
        refraction = loaded.refraction if still else None
        return replace(loaded, picture=Pyramid(scene.foreground, scene.alpha), refraction=refraction)

    def _prepare(self, layout: _Layout, view: View) -> _Ready:
        """The planes of what a view shows and what it depends on, and the steps that are to be applied to them."""
        index, history = layout.index, History(layout.history)
        planes, image = list(self._chosen("planes", index)), list(self._chosen("image", index))
        kernel, label_meta = self._label_kernel(layout, view)
        beyond, margin = self._reach(layout, image, view), max(kernel) // 2 + 1
        grown = view.grown(self._reach(layout, planes, view) + max(beyond, margin))
        scene = self._planes(layout, grown, history)
        similar = self._rng(index, "similar background")
        tinted = similar.random() < self.recipe.hard_cases.similar_background
        if tinted or any(entry.info.get("overview") for _, entry, _ in planes):
            scene.overview = self._planes(layout, View.overview(layout.size), History())
        if tinted:
            strength = float(similar.uniform(0.6, 1.0))
            tint_background(scene, strength)
            history.add("similar_background", {"strength": round(strength, 4)})
        return _Ready(scene, grown, planes, image, kernel, label_meta, history)

    def _render(self, layout: _Layout, view: View) -> Sample:
        """Make the sample that a view shows: planes, steps, blending, labels."""
        ready = self._prepare(layout, view)
        scene, history = ready.scene, ready.history
        self._apply(ready.planes, scene, history)
        labelled = view.grown(max(ready.kernel) // 2 + 1)
        seen = labelled.cut(scene.levels("alpha"), ready.grown)
        trimap = view.cut(make_trimap(seen, self.recipe.labels.schedule, ready.kernel), labelled)
        scene.cut(view.grown(self._reach(layout, ready.image, view)))
        # What is stored is what is blended, to the last rounding.
        for name in ("foreground", "alpha", "background"):
            setattr(scene, name, scene.levels(name))
        if self.recipe.blend == "linear":
            scene.image = blend(scene.foreground, scene.alpha, scene.background, linear=True)
            history.break_equation()
        else:
            scene.image = blend_levels(*(scene.levels(name) for name in ("foreground", "alpha", "background")))
        self._apply(ready.image, scene, history)
        scene.cut(view)
        return Sample(
            image=scene.levels("image"),
            alpha=scene.levels("alpha"),
            trimap=trimap,
            label=restrict(trimap, scene.type),
            foreground=scene.levels("foreground"),
            background=scene.levels("background"),
            type=scene.type,
            category=layout.layers[0].category,
            meta=self._meta(layout, view, ready),
        )

    def _meta(self, layout: _Layout, view: View, ready: _Ready) -> dict[str, Any]:
        """Provenance of a sample, once all of its operations are known."""
        history = ready.history
        meta = {
            "aimkit": aimkit.__version__,
            "recipe": self.digest,
            "seed": self.recipe.seed,
            "index": layout.index,
            "size": list(view.size),
            "blend": self.recipe.blend,
            "composition_valid": history.valid,
            "sources": history.sources,
            "operations": history.operations,
            "label": ready.label,
        }
        if history.quarantined:
            meta["quarantined"] = history.quarantined
        return meta

    def _planes(self, layout: _Layout, view: View, history: History) -> Scene:
        """Foreground, matte and background of a view, before the steps on them."""
        first = layout.layers[0]
        color, alpha = self._layer(layout, 0, view, history)
        for number in range(1, len(layout.layers)):
            behind = self._layer(layout, number, view, history)
            color, alpha = over((to_float(color), to_float(alpha)), (to_float(behind[0]), to_float(behind[1])))
        if layout.empty:
            alpha = np.zeros_like(alpha)
        background, _ = render(layout.background.picture, layout.background.matrix, view, layout.background.kernel)
        fields = [] if layout.empty else [layer.bend(view) for layer in layout.layers if layer.refraction is not None]
        if fields:
            # The background that is stored is the one that is seen through the glass, and so the equation holds.
            field: Float = np.stack(fields).sum(axis=0)
            background = displace(to_float(background), field)
            history.add("refraction", {"largest": round(float(np.abs(field).max()), 3)})
        return Scene(color, alpha, background, first.type, view=view)

    def _layer(self, layout: _Layout, number: int, view: View, history: History) -> tuple[Array, Array]:
        """Colour and matte of one foreground as placed, after the steps on it."""
        layer = layout.layers[number]
        if layer.place is None or layer.place.matrix is None:
            return np.zeros((*view.size, 3), np.float32), np.zeros(view.size, np.float32)
        color, alpha = render(layer.picture, layer.matrix, view, layer.kernel)
        assert alpha is not None
        if layer.borrowed is not None:
            other, share = layer.borrowed
            shown, _ = render(other.picture, other.matrix, view, other.kernel)
            color = to_float(color) + np.float32(share) * (to_float(shown) - to_float(color))
        scene = Scene(color, alpha, type=layer.type, view=view)
        self._apply(self._chosen("layer", layout.index, number), scene, history, number)
        return scene.kept["foreground"], scene.kept["alpha"]

    def _reach(self, layout: _Layout, chosen: Sequence[_Chosen], view: View) -> int:
        """How far around a pixel its value depends on others; the whole canvas when a step does not say."""
        chosen = [
            *chosen,
            *(c for number in range(len(layout.layers)) for c in self._chosen("layer", layout.index, number)),
        ]
        total = 0
        for block, entry, _ in chosen:
            if entry.info.get("reach") is None:
                return max(layout.size)
            total += entry.info["reach"](block, view.short)
        bent = [layer.largest_bend(view) for layer in layout.layers if layer.refraction is not None]
        return total + int(np.ceil(sum(bent))) + bool(bent)

    def _transition(self, layout: _Layout) -> Float:
        """Where on the canvas there is transition area, as weights of the pixels of an overview, (h, w)."""
        view = View.overview(layout.size)
        clear = np.ones(view.size, np.float32)
        for layer in layout.layers if not layout.empty else []:
            if layer.place is not None and layer.place.matrix is not None:
                clear *= 1 - render_matte(layer.picture, layer.matrix, view)
        alpha = 1 - clear
        kind = layout.layers[0].type
        if kind is ImageType.NS and alpha.any():
            return np.ones_like(alpha)
        return alpha * (1 - alpha) if kind is ImageType.SO else (alpha > 0.02).astype(np.float32)

    def _chosen(self, stage: str, index: int, layer: int = 0) -> Iterator[_Chosen]:
        """The recipe's steps of one stage that this sample gets, each with a stream named after it."""
        seen: dict[str, int] = {}
        for block in self.recipe.steps:
            occurrence = seen[block.step] = seen.get(block.step, -1) + 1
            entry = steps.get(block.step)
            if entry.info["on"] == stage:
                stream = self._rng(index, "step", block.step, occurrence, layer)
                if stream.random() < block.p:
                    yield block, entry, stream

    def _apply(self, chosen: Iterable[_Chosen], scene: Scene, history: History, layer: int = 0) -> None:
        for block, entry, stream in chosen:
            drawn = entry.value(scene, block, stream)
            history.add(block.step, drawn, **({"layer": layer} if entry.info["on"] in ("foreground", "layer") else {}))
            if not entry.info["keeps_equation"]:
                history.break_equation()

    def _label_kernel(self, layout: _Layout, view: View) -> tuple[tuple[int, int], dict[str, Any]]:
        """Kernels of dilation and erosion in pixels of the view, and in those of the canvas for provenance."""
        how = self.recipe.labels
        draw = self._rng(layout.index, "label")
        dilate, erode = (int(k) for k in draw.integers(how.kernel[0], how.kernel[1] + 1, 2))
        if how.relative:
            dilate, erode = (max(1, round(k * min(layout.size) / 1000)) for k in (dilate, erode))
        seen = (round(dilate * view.scale), round(erode * view.scale))
        return seen, {"schedule": how.schedule, "kernel": [dilate, erode]}


@dataclass(frozen=True)
class _Layout:
    """What a sample is made of, and where it goes."""

    index: int
    size: tuple[int, int]
    layers: list[Picture]
    empty: bool
    background: Picture
    history: History


@dataclass(frozen=True)
class _Ready:
    """A sample whose planes are placed; its steps are chosen, but not yet drawn from."""

    scene: Scene
    grown: View
    planes: list[_Chosen]
    image: list[_Chosen]
    kernel: tuple[int, int]
    label: dict[str, Any]
    history: History
