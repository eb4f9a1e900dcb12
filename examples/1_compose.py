# %% [markdown]
# # Compose a dataset and look at it
#
# A recipe and an index determine a sample. `demo` needs no files: foregrounds and backgrounds are drawn by generators.
# This file is a notebook in jupytext's percent format: open it in Jupyter or VS Code, or run it with Python.

# %%
import numpy as np
from PIL import Image

import aimkit

COUNT, SIDE = 6, 320

recipe = aimkit.load_recipe("demo", [f"placement.height={SIDE}", f"placement.width={SIDE}", f"count={COUNT}"])
synthesizer = aimkit.Synthesizer(recipe)

# %% [markdown]
# A sample holds the composite, its alpha matte, the label, and the planes that it was blended from: uint8 arrays.

# %%
sample = synthesizer[0]
print(sample.type, sample.image.shape, sample.alpha.shape, np.unique(sample.label))


# %%
def row(sample: aimkit.Sample) -> np.ndarray:
    """Composite, alpha, label, foreground and background side by side."""
    maps = [np.repeat(plane[:, :, None], 3, axis=2) for plane in (sample.alpha, sample.label)]
    return np.hstack([sample.image, *maps, sample.foreground, sample.background])


sheet = Image.fromarray(np.vstack([row(synthesizer[i]) for i in range(COUNT)]))
sheet.save("samples.png")

# %% [markdown]
# The compositing equation I = aF + (1 - a)B holds to the rounding of 8 bits where `composition_valid` says so.

# %%
for i in range(COUNT):
    one = synthesizer[i]
    alpha = one.alpha[..., None] / 255
    error = np.abs(alpha * one.foreground + (1 - alpha) * one.background - one.image).max()
    print(i, one.type, one.meta["composition_valid"], f"largest difference {error:.2f} of 255")
    assert error <= 0.51 or not one.meta["composition_valid"]

# %% [markdown]
# Every sample carries its provenance: which sources it is made of, and each operation with its drawn parameters.

# %%
print([source["id"] for source in sample.meta["sources"]])
print(sample.meta["operations"])
