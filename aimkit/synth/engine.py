"""The engine: a recipe and an index determine a sample.

Every draw of a sample comes from a stream named after the recipe's seed, the index and what it is for, so that samples
can be made in any order, by any number of workers, and once more years later. Planes are brought to 8 bit before they
are blended: what is stored is what was blended, and the compositing equation holds on the files to the last rounding.

A sample passes through four stages: its layout (:mod:`aimkit.synth.layout`), the planes of a view of it
(:mod:`aimkit.synth.planes`), the parameters of its steps, which are then applied, and the blending with its label.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import aimkit
from aimkit.datasets.scan_report import ScanReport
from aimkit.datasets.source_list import SourceList
from aimkit.matting.composite import blend, blend_levels
from aimkit.matting.trimap import make_trimap, restrict
from aimkit.rng import rng
from aimkit.sample_rows import to_rows
from aimkit.synth.chosen_steps import PendingStep, draw_steps
from aimkit.synth.deferred import DeferredSample
from aimkit.synth.drawn_layers import DrawnLayers
from aimkit.synth.layout import SampleLayout, make_layout
from aimkit.synth.planes import render_planes
from aimkit.synth.provenance import Provenance
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.scene import Scene
from aimkit.synth.source_sampler import SourceSampler
from aimkit.synth.steps.color import tint_background
from aimkit.synth.view import View
from aimkit.types import Float, Sample

#: (canvas, transition) -> view; ``transition()`` gives weights of an overview's pixels, float32, (h, w).
ViewChooser = Callable[[tuple[int, int], Callable[[], Float]], View]


class Synthesizer(Sequence[Sample]):
    """Makes the samples of a recipe; ``synthesizer[i]`` is a pure function of the recipe and ``i``.

    Args:
        recipe: The recipe of the dataset.
        keep: Bytes of decoded pictures to cache for later samples, which they don't change.
        drawn: Cache of what generators drew, for recipes that differ a little; it changes no sample either.

    Raises:
        AimkitError: A source can't be opened, or has no usable items.
    """

    def __init__(self, recipe: SynthRecipe, keep: int = 0, drawn: DrawnLayers | None = None) -> None:
        self.recipe, self._keep = recipe, keep
        self.digest = recipe.digest()
        self._sources = SourceSampler(recipe, keep, drawn)

    @property
    def sources(self) -> SourceList:
        """The stored items by source."""
        return self._sources.sources

    @property
    def reports(self) -> list[ScanReport]:
        """What the sources left out."""
        return self._sources.reports

    def __len__(self) -> int:
        return self.recipe.count or len(self._sources)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.sample(index)

    def __reduce__(self) -> tuple[type[Synthesizer], tuple[SynthRecipe, int]]:
        """Another process opens the sources itself: open ones may hold files and large lists."""
        return type(self), (self.recipe, self._keep)

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The rows of a batch, see :mod:`aimkit.sample_rows`: ``DataLoader(synthesizer, batch_size=8)`` stacks them.

        Raises:
            AimkitError: The samples differ in size, or as for :meth:`sample`.
        """
        return to_rows([self[index] for index in indices])

    def sample(self, index: int) -> Sample:
        """The sample of any index from 0 up; unlike ``[i]`` it continues beyond the end, for training without epochs.

        Raises:
            AimkitError: Too many of the sample's sources in a row can't be read.
        """
        layout = self._layout(index)
        return self._render(layout, View.whole(layout.size))

    def window(self, index: int, choose: ViewChooser) -> Sample:
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
        return self._render(layout, choose(layout.size, layout.transition))

    def deferred(
        self, index: int, choose: ViewChooser, size: tuple[int, int], supported: Container[str]
    ) -> DeferredSample | Sample:
        """As :meth:`window`, but the caller applies the steps, blends, and makes the label, wherever that is possible.

        Args:
            index: As for :meth:`sample`.
            choose: As for :meth:`window`.
            size: (height, width) that the views of deferred samples have.
            supported: Names of the steps on planes and composites that the caller can apply.

        Returns:
            The finished sample when its view has another size, or when it got a step that is not supported.

        Raises:
            AimkitError: As for :meth:`sample`.
        """
        layout = self._layout(index)
        view = choose(layout.size, layout.transition)
        steps = [*layout.plane_steps, *layout.image_steps]
        if view.size != size or not all(one.step.step in supported for one in steps):
            return self._render(layout, view)
        ready = self._prepare(layout, view)
        scene = ready.scene
        return DeferredSample(
            foreground=scene.uint8("foreground"),
            alpha=scene.uint8("alpha"),
            background=scene.uint8("background"),
            view=view,
            padded=ready.padded,
            steps=[pending for pending in [*ready.planes, *ready.image] if pending.params.values],
            schedule=self.recipe.labels.schedule,
            kernel=ready.kernel,
            linear=self.recipe.blend == "linear",
            type=scene.type,
            category=layout.layers[0].category,
            meta=ready.meta,
        )

    def _layout(self, index: int) -> SampleLayout:
        return make_layout(self.recipe, self._sources, index)

    def _prepare(self, layout: SampleLayout, view: View) -> _Prepared:
        """Render the planes of a view and of what it depends on, and draw the steps on them."""
        recipe, provenance = self.recipe, Provenance(layout.provenance)
        kernel, label = self._label_kernel(layout, view)
        image_margin, label_margin = layout.margin(layout.image_steps, view), max(kernel) // 2 + 1
        padded = view.padded(layout.margin(layout.plane_steps, view) + max(image_margin, label_margin))
        scene = render_planes(layout, padded, provenance)
        similar = rng(recipe.seed, "sample", layout.index, "similar background")
        tinted = similar.random() < recipe.hard_cases.similar_background
        if tinted or any(one.step.overview for one in layout.plane_steps):
            scene.overview = render_planes(layout, View.overview(layout.size), Provenance())
        if tinted:
            strength = float(similar.uniform(0.6, 1.0))
            tint_background(scene, strength)
            provenance.add("similar_background", {"strength": round(strength, 4)})
        planes = draw_steps(layout.plane_steps, scene, provenance)
        image = draw_steps(layout.image_steps, scene, provenance)
        if recipe.blend == "linear":
            provenance.break_equation()
        meta = self._meta(layout, view, label, provenance)
        return _Prepared(scene, padded, planes, image, view.padded(image_margin), kernel, meta)

    def _render(self, layout: SampleLayout, view: View) -> Sample:
        """Make the sample that a view shows: planes, steps, blending, labels."""
        ready = self._prepare(layout, view)
        scene = ready.scene
        for pending in ready.planes:
            pending.apply(scene)
        labelled = view.padded(max(ready.kernel) // 2 + 1)
        seen = labelled.cut(scene.uint8("alpha"), ready.padded)
        trimap = view.cut(make_trimap(seen, self.recipe.labels.schedule, ready.kernel), labelled)
        scene.cut(ready.blended)
        # What is stored is what is blended, to the last rounding.
        for name in ("foreground", "alpha", "background"):
            setattr(scene, name, scene.uint8(name))
        if self.recipe.blend == "linear":
            scene.image = blend(scene.foreground, scene.alpha, scene.background, linear=True)
        else:
            scene.image = blend_levels(*(scene.uint8(name) for name in ("foreground", "alpha", "background")))
        for pending in ready.image:
            pending.apply(scene)
        scene.cut(view)
        return Sample(
            image=scene.uint8("image"),
            alpha=scene.uint8("alpha"),
            trimap=trimap,
            label=restrict(trimap, scene.type),
            foreground=scene.uint8("foreground"),
            background=scene.uint8("background"),
            type=scene.type,
            category=layout.layers[0].category,
            meta=ready.meta,
        )

    def _meta(self, layout: SampleLayout, view: View, label: dict[str, Any], provenance: Provenance) -> dict[str, Any]:
        """Provenance of a sample as plain JSON values."""
        meta = {
            "aimkit": aimkit.__version__,
            "recipe": self.digest,
            "seed": self.recipe.seed,
            "index": layout.index,
            "size": list(view.size),
            "blend": self.recipe.blend,
            "composition_valid": provenance.valid,
            "sources": provenance.sources,
            "operations": provenance.operations,
            "label": label,
        }
        if provenance.quarantined:
            meta["quarantined"] = provenance.quarantined
        return meta

    def _label_kernel(self, layout: SampleLayout, view: View) -> tuple[tuple[int, int], dict[str, Any]]:
        """Kernels of dilation and erosion in pixels of the view, and in those of the canvas for provenance."""
        how = self.recipe.labels
        draw = rng(self.recipe.seed, "sample", layout.index, "label")
        dilate, erode = (int(k) for k in draw.integers(how.kernel[0], how.kernel[1] + 1, 2))
        if how.relative:
            dilate, erode = (max(1, round(k * min(layout.size) / 1000)) for k in (dilate, erode))
        seen = (round(dilate * view.scale), round(erode * view.scale))
        return seen, {"schedule": how.schedule, "kernel": [dilate, erode]}


@dataclass(frozen=True)
class _Prepared:
    """A sample whose planes are rendered and whose steps are drawn.

    Attributes:
        scene: Planes of ``padded``, before the steps.
        padded: The view with what it depends on.
        planes: Steps on the planes.
        image: Steps on the composite.
        blended: The part of ``padded`` that the steps on the composite need.
        kernel: Dilation and erosion of the label, in pixels of the view.
        meta: Provenance as plain JSON values.
    """

    scene: Scene
    padded: View
    planes: list[PendingStep]
    image: list[PendingStep]
    blended: View
    kernel: tuple[int, int]
    meta: dict[str, Any]
