# %% [markdown]
# # Write your own generator and step
#
# A generator draws foregrounds with exact alpha; a step changes a composite. Both are registered by name, and recipes
# use them like the built-in ones. `examples/plugin` packages the same kind of code for pip.

# %%
from typing import ClassVar

import numpy as np
from PIL import Image

import aimkit
from aimkit.bounds import Name
from aimkit.generators import GeneratorBlock, generators
from aimkit.recipe import Range
from aimkit.synth.steps import PointwiseStep, Scene, Stage, StepParams, steps
from aimkit.types import Foreground, ImageType

COUNT, SIDE = 4, 256

# %% [markdown]
# The fields of the block are the keys of the recipe, checked by pydantic.


# %%
class Rings(GeneratorBlock):
    """Coloured rings around one centre.

    Attributes:
        spacing: Distance of two rings, relative to the short side of the frame.
    """

    generator: Name = "rings"
    spacing: Range = (0.05, 0.1)


@generators.register("rings", type=ImageType.STM, category="rings", params=Rings)
def rings(params: Rings, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Rings that fade outwards."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    center, side = rng.uniform(0.4, 0.6, 2) * size, min(size)
    distance = np.hypot(y - center[0], x - center[1]) / side
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * distance / rng.uniform(*params.spacing))
    alpha = (wave * np.clip(1 - 2.5 * distance, 0, 1)).astype(np.float32)
    color = np.broadcast_to(rng.uniform(0.2, 1, 3).astype(np.float32), (*size, 3)).copy()
    return Foreground(color, alpha, ImageType.STM)


# %% [markdown]
# A step draws its parameters, which become part of the provenance, and applies them. It changes foreground and
# background alike, before they are blended, so the compositing equation still holds.


# %%
@steps.register("fade")
class Fade(PointwiseStep):
    """Mix all colours with grey.

    Attributes:
        amount: Share of grey, drawn from [low, high].
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True
    amount: Range = (0.2, 0.6)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        amount = float(rng.uniform(*self.amount))
        return StepParams({"amount": round(amount, 4)}, {"amount": amount})

    def apply(self, scene: Scene, params: StepParams) -> None:
        grey = np.float32(0.5)
        amount = np.float32(params.values["amount"])
        scene.foreground = scene.foreground + amount * (grey - scene.foreground)
        scene.background = scene.background + amount * (grey - scene.background)


# %%
overrides = ['foregrounds.0.generators=["rings"]', "balance={}", 'steps=[{step="fade"}]', f"count={COUNT}"]
recipe = aimkit.load_recipe("quick", [*overrides, f"placement.height={SIDE}", f"placement.width={SIDE}"])
samples = list(aimkit.Synthesizer(recipe))
Image.fromarray(np.hstack([sample.image for sample in samples])).save("rings.png")
print([operation for operation in samples[0].meta["operations"] if "fade" in str(operation)])
assert all(sample.meta["composition_valid"] for sample in samples)
