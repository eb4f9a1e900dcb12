"""Validation: matting metrics on held-out samples, and a gallery of predictions over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate.utils import gather_object

from aimkit.data.loader import to_device, to_tensors
from aimkit.data.transforms import Fit
from aimkit.imageio import write_png
from aimkit.metrics.matting import matting_metrics
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, network_input
from aimkit.types import Array, Sample

SCORES = ("sad", "mad", "mse", "grad", "conn")

#: Longer side of a gallery picture, pixels.
_THUMB = 160


def validate(recipe: TrainRecipe, parts: Parts, run: Path, step: int) -> dict[str, float]:
    """Predict the held-out samples and compute their metrics; each process takes its share.

    Args:
        recipe: The run's recipe; ``validation.data`` must be set.
        parts: Parts of the run.
        run: Folder of the run; pictures are written to its ``gallery/``.
        step: Number of finished steps, for the names of the pictures.

    Returns:
        Mean of every score over all samples, and ``score/TYPE`` over the samples of a type.
    """
    table, accelerator = recipe.validation, parts.accelerator
    assert table.data is not None
    stream = table.data.open(recipe.seed)
    draw = np.random.default_rng(0)
    rows: list[tuple[str, dict[str, float]]] = []
    network = parts.evaluated
    network.eval()
    for position in range(accelerator.process_index, table.count, accelerator.num_processes):
        sample = Fit(size=table.size, flip=0).apply(stream.sample(position), draw)
        alpha = predict(parts, network, sample, recipe)
        scores = matting_metrics(alpha, sample.alpha)
        rows.append((str(sample.type), {name: float(scores[name] or 0) for name in SCORES}))
        if position < table.gallery:
            if step == recipe.validation.every or not (run / f"gallery/{position:02d}_image.png").exists():
                # The page shows every image that is there: the last file of the two is the one it looks for.
                write_png(run / f"gallery/{position:02d}_truth.png", thumbnail(sample.alpha))
                write_png(run / f"gallery/{position:02d}_image.png", thumbnail(sample.image))
            levels = np.rint(alpha * 255).astype(np.uint8)
            write_png(run / f"gallery/{position:02d}_{step:08d}.png", thumbnail(levels))
    every = gather_object(rows) if accelerator.num_processes > 1 else rows
    return means(every)


@torch.inference_mode()
def predict(parts: Parts, network: Any, sample: Sample, recipe: TrainRecipe) -> Array:
    """Alpha of one sample from one forward pass, float32 in [0, 1], (H, W)."""
    row = {name: value for name, value in to_tensors(sample).items() if isinstance(value, torch.Tensor)}
    batch = to_device({name: tensor[None] for name, tensor in row.items()}, parts.accelerator.device)
    with parts.accelerator.autocast():
        output = network(network_input(network, batch["image"], recipe.channels_last))
    result: Array = output.alpha[0, 0].float().clamp(0, 1).cpu().numpy()
    return result


def means(rows: list[tuple[str, dict[str, float]]]) -> dict[str, float]:
    """Mean of every score over all rows and over each type, types in alphabetical order."""
    result = {name: float(np.mean([scores[name] for _, scores in rows])) for name in SCORES}
    for kind in sorted({kind for kind, _ in rows}):
        own = [scores for other, scores in rows if other == kind]
        result |= {f"{name}/{kind}": float(np.mean([scores[name] for scores in own])) for name in SCORES}
    return result


def thumbnail(image: Array) -> Array:
    """The image reduced to the gallery's size, uint8."""
    scale = _THUMB / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
