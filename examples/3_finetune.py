# %% [markdown]
# # Fine-tune on your own cut-outs
#
# Ten cut-outs with transparency are enough. Here they are drawn by a generator; put the path of your folder instead.

# %%
from pathlib import Path

import numpy as np
from PIL import Image

import aimkit
from aimkit.cli import run

COUNT, STEPS, SIZE = 10, 12, 128

cutouts = Path("cutouts")
cutouts.mkdir(exist_ok=True)
drawn = aimkit.Synthesizer(
    aimkit.load_recipe(
        "quick", ["placement.height=320", "placement.width=320", "balance={SO=1, STM=1}", f"count={COUNT}"]
    )
)
for i in range(COUNT):
    Image.fromarray(np.dstack([drawn[i].foreground, drawn[i].alpha])).save(cutouts / f"{i}.png")

# %% [markdown]
# One command trains the released weights on composites of these cut-outs. A tenth of them is held out: the first line
# of the validation is the score of the released weights on those, the last is that after training. The overrides keep
# this run short: leave them out to use the recipe's values.

# %%
small = [f"steps={STEPS}", "batch=4", f"data.transform.size={SIZE}", "data.workers=0", "validation.count=4"]
small += [f"validation.size={SIZE * 2}"]
assert run(["train", "finetune", "-o", "runs/mine", "--foregrounds", str(cutouts), *small]) == 0
assert run(["runs", "show", "runs/mine"]) == 0

# %% [markdown]
# A run's folder can be given wherever weights are expected, on the command line and in Python.

# %%
predictor = aimkit.Predictor.load("runs/mine", runtime="torch")
sample = aimkit.data.dataset("cutouts", ["seed=9"], foregrounds=str(cutouts)).samples[0]
prediction = predictor(sample.image)
print("MAD", np.abs(prediction.alpha - sample.alpha / 255).mean())

# %% [markdown]
# How many images would help? `aimkit learning-curve finetune --foregrounds cutouts` trains on 2, 5, 10, ... of them and
# draws the error on held-out ones.
