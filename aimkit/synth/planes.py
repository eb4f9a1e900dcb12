"""The planes of a view: the layers of a sample rendered, put over each other, and refracted.

Distractors are a part of the background from the start: what comes later, glass and steps, finds them there.
"""

from __future__ import annotations

import numpy as np

from aimkit.matting.composite import over
from aimkit.synth.chosen_steps import draw_steps
from aimkit.synth.distractors import draw_distractors
from aimkit.synth.geometry import displace, render
from aimkit.synth.layer import Layer
from aimkit.synth.layout import SampleLayout
from aimkit.synth.lens import out_of_focus
from aimkit.synth.provenance import Provenance
from aimkit.synth.scene import Scene
from aimkit.synth.view import View
from aimkit.types import Array, Float, to_float


def render_planes(layout: SampleLayout, view: View, provenance: Provenance) -> Scene:
    """Render foreground, matte and background of a view, before the steps on them.

    Args:
        layout: The sample.
        view: The view.
        provenance: Gets the steps on the layers, and the refraction.
    """
    color, alpha = _render_layer(layout.layers[0], 0, view, provenance)
    for number, layer in enumerate(layout.layers[1:], start=1):
        behind = _render_layer(layer, number, view, provenance)
        color, alpha = over((to_float(color), to_float(alpha)), (to_float(behind[0]), to_float(behind[1])))
    if layout.empty:
        alpha = np.zeros_like(alpha)
    pixels, matrix, kernel = out_of_focus(layout.background, view.canvas, view.approximate)
    background, _ = render(pixels, matrix, view, kernel)
    background = draw_distractors(layout.distractors, background, view)
    glasses = [] if layout.empty else [layer for layer in layout.layers if layer.refraction is not None]
    if glasses:
        # The background that is stored is the one that is seen through the glass, and so the equation holds.
        field: Float = np.stack([layer.refraction_field(view) for layer in glasses]).sum(axis=0)
        background = displace(to_float(background), field)
        provenance.add("refraction", {"largest": round(float(np.abs(field).max()), 3)})
    scene = Scene(color, alpha, background, layout.layers[0].type, view=view)
    casting = [] if layout.empty else [layer for layer in layout.layers if layer.shadow is not None]
    if casting and any(one.step.casts for one in layout.plane_steps):
        clear = np.ones(view.size, np.float32)
        for layer in casting:
            clear *= 1 - layer.darkness(view)
        scene.darkness = 1 - clear
    return scene


def _render_layer(layer: Layer, number: int, view: View, provenance: Provenance) -> tuple[Array, Array]:
    """Colour (H, W, 3) and matte (H, W) of a foreground as placed, after the steps on it, uint8 or float32."""
    if not layer.visible:
        return np.zeros((*view.size, 3), np.float32), np.zeros(view.size, np.float32)
    pixels, matrix, kernel = out_of_focus(layer, view.canvas)
    color, alpha = render(pixels, matrix, view, kernel)
    assert alpha is not None
    if layer.texture is not None:
        other, share = layer.texture
        shown, _ = render(other.pixels, other.matrix, view, other.kernel)
        color = to_float(color) + np.float32(share) * (to_float(shown) - to_float(color))
    scene = Scene(color, alpha, type=layer.type, view=view)
    for pending in draw_steps(layer.steps, scene, provenance, number):
        pending.apply(scene)
    return scene.planes["foreground"], scene.planes["alpha"]
