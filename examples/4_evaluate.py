# %% [markdown]
# # Evaluate, and compare with the bootstrap
#
# Two predictors are measured on the same held-out images, and compared image by image: the interval of the difference
# comes from a paired bootstrap.

# %%
import json
from pathlib import Path

from aimkit.cli import run

COUNT, SIDE = 8, 320

size = [f"placement.height={SIDE}", f"placement.width={SIDE}"]
assert run(["synth", "quick", "-o", "held-out", "--resume", "seed=99", f"count={COUNT}", *size]) == 0

# %%
evaluate = ["evaluate", "--data", "folder", "--root", "held-out", "--strategy", "whole", "--no-report"]
assert run([*evaluate, "--weights", "default", "-o", "evaluation/default"]) == 0
assert run([*evaluate, "--baseline", "otsu", "-o", "evaluation/otsu"]) == 0

# %% [markdown]
# `results.json` has the scores of every image, the averages over each image type, and the protocol.

# %%
results = json.loads(Path("evaluation/default/results.json").read_text())
print(results["averages"]["images"])

# %% [markdown]
# The two have different protocols (a network's strategy, a baseline), so `compare` needs `--mix-protocols`.

# %%
assert run(["evaluate", "compare", "evaluation/otsu", "evaluation/default", "--mix-protocols"]) == 0

# %% [markdown]
# A difference is clear when its interval excludes 0. With few images it rarely does: evaluate on more.
