"""The layout of a sample: which foregrounds and background it has and where they lie. No pixel is moved yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from aimkit.rng import rng
from aimkit.synth.chosen_steps import ChosenStep, choose_steps, draw_steps
from aimkit.synth.distractors import place_distractors
from aimkit.synth.geometry import render_matte
from aimkit.synth.layer import Layer
from aimkit.synth.lens import draw_lens
from aimkit.synth.placement import PlacementMode
from aimkit.synth.provenance import Provenance
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.scene import Scene
from aimkit.synth.source_sampler import SourceSampler
from aimkit.synth.view import View
from aimkit.types import Float, ImageType, to_float


@dataclass(frozen=True)
class SampleLayout:
    """What a sample is made of, and where it goes.

    Attributes:
        index: Index of the sample.
        size: (height, width) of the canvas in pixels.
        layers: The foregrounds as placed; the first lies in front.
        empty: Whether the sample shows the background alone.
        background: The background as placed.
        distractors: Things in the background as placed; the last lies in front.
        plane_steps: Steps on the planes.
        image_steps: Steps on the composite.
        provenance: Sources and operations so far.
    """

    index: int
    size: tuple[int, int]
    layers: list[Layer]
    empty: bool
    background: Layer
    plane_steps: list[ChosenStep]
    image_steps: list[ChosenStep]
    provenance: Provenance
    distractors: tuple[Layer, ...] = ()

    def margin(self, chosen: Iterable[ChosenStep], view: View) -> int:
        """How far around a view its planes matter to it.

        Args:
            chosen: The steps that are going to be applied to the planes or the composite.
            view: The view.

        Returns:
            Pixels of the view; the long side of the canvas when a step needs the whole.
        """
        total = 0
        for one in [*chosen, *(one for layer in self.layers for one in layer.steps)]:
            margin = one.step.margin(view.short_side)
            if margin is None:
                return max(self.size)
            total += margin
        bent = [layer.largest_refraction(view) for layer in self.layers if layer.refraction is not None]
        return total + int(np.ceil(sum(bent))) + bool(bent)

    def transition(self) -> Float:
        """Where the canvas shows transition area: weights of the pixels of an overview, float32, (h, w)."""
        view = View.overview(self.size)
        clear = np.ones(view.size, np.float32)
        for layer in self.layers if not self.empty else []:
            if layer.visible:
                clear *= 1 - render_matte(layer.pixels, layer.matrix, view)
        alpha = 1 - clear
        kind = self.layers[0].type
        if kind is ImageType.NS and alpha.any():
            return np.ones_like(alpha)
        return alpha * (1 - alpha) if kind is ImageType.SO else (alpha > 0.02).astype(np.float32)


def make_layout(recipe: SynthRecipe, sources: SourceSampler, index: int) -> SampleLayout:
    """Choose and open the sources of a sample, and draw where they lie.

    Raises:
        AimkitError: Too many of the sample's sources in a row can't be read.
    """
    provenance = Provenance()

    def stream(*names: str | int) -> np.random.Generator:
        return rng(recipe.seed, "sample", index, *names)

    size = recipe.placement.canvas_size(stream("size"))
    mode, chosen = recipe.placement.chosen(stream("placement mode"))
    if chosen:
        provenance.add("choose_placement", chosen)
    chances = np.asarray(mode.layers) / sum(mode.layers)
    count = 1 + int(stream("layers").choice(len(chances), p=chances))
    layers: list[Layer] = []
    for number in range(count):
        layer = sources.foreground(index, number, layers[0].type if layers else None, size, provenance)
        layer = _with_foreground_steps(layer, recipe, index, number, provenance)
        if mode.keeps_foreground_size and not layers:
            size = layer.pixels.size
        draw = stream("placement", number)
        front = layers[0].placement if layers else None
        placement = mode.place_foreground(layer.pixels, layer.type, size, draw, front, layer.floats)
        provenance.add("place_foreground", placement.record, layer=number)
        layer = replace(layer, placement=placement, steps=tuple(choose_steps(recipe, index, "layer", number)))
        # What has no outline, and what is seen through, would not be a thing of other colours but vanish.
        if layer.type is not ImageType.NS and layer.refraction is None:
            layer = replace(layer, texture=_other_texture(recipe, mode, sources, index, number, size, provenance))
        layers.append(layer)
    empty = bool(stream("background only").random() < recipe.hard_cases.background_only)
    if empty:
        provenance.add("background_only", {})
    background = sources.background(index, size, provenance)
    placement = mode.place_background(background.pixels.size, size, stream("place background"))
    provenance.add("place_background", placement.record)
    lens = draw_lens(recipe, index, size, provenance)
    others = () if empty else place_distractors(recipe, sources, index, size, layers[0], lens, provenance)
    return SampleLayout(
        index=index,
        size=size,
        layers=[replace(layer, blur=lens.blur(1.0)) for layer in layers],
        empty=empty,
        background=replace(background, placement=placement, blur=lens.blur(lens.background)),
        distractors=others,
        plane_steps=choose_steps(recipe, index, "planes"),
        image_steps=choose_steps(recipe, index, "image"),
        provenance=provenance,
    )


def _with_foreground_steps(layer: Layer, recipe: SynthRecipe, index: int, number: int, provenance: Provenance) -> Layer:
    """A foreground after the steps that act on it as a whole."""
    chosen = choose_steps(recipe, index, "foreground", number)
    if not chosen:
        return layer
    color, alpha = layer.pixels.level(0)
    assert alpha is not None
    scene = Scene(color, alpha, type=layer.type)
    for pending in draw_steps(chosen, scene, provenance, number):
        pending.apply(scene)
    # Refraction and shadow lie where they lay: they no longer fit a matte that a step has moved.
    still = scene.alpha.shape == alpha.shape and np.array_equal(scene.alpha, to_float(alpha))
    refraction, shadow = (layer.refraction, layer.shadow) if still else (None, None)
    return replace(layer, pixels=ImagePyramid(scene.foreground, scene.alpha), refraction=refraction, shadow=shadow)


def _other_texture(
    recipe: SynthRecipe,
    mode: PlacementMode,
    sources: SourceSampler,
    index: int,
    number: int,
    size: tuple[int, int],
    provenance: Provenance,
) -> tuple[Layer, float] | None:
    """A background for a foreground to show within its outline (MGMatting, CVPR 2021), and its share, if any."""
    # This stream and those of the texture's source keep older names, so that recipes go on to give the same samples.
    draw = rng(recipe.seed, "sample", index, "borrowed colors", number)
    if draw.random() >= recipe.hard_cases.texture_swap:
        return None
    texture = sources.texture(index, number, size, provenance)
    placement = mode.place_background(texture.pixels.size, size, draw)
    share = round(float(draw.uniform(0.5, 1.0)), 4)
    provenance.add("texture_swap", {"share": share, **placement.record}, layer=number)
    return replace(texture, placement=placement), share
