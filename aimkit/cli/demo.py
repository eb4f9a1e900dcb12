"""aimkit demo: the main job in two minutes, as commands that can be copied."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.recipe import expand

_NOTE = (
    "The weights are fine-tuned on fog, smoke and flames. The held-out composites have another seed than the training, "
    "but the same generators draw both: the scores show that the pipeline works, and say nothing about photos."
)
#: What the weights are fine-tuned on: soft things, at which the bundled weights are weak.
_SOFT = "foregrounds.0.generators=['fog', 'smoke', 'flame']"


@click.command()
@click.option("-o", "--out", default="out/demo", show_default=True, help="Output folder.")
@click.option("--images", default="", metavar="DIR", help="Your photos: used as backgrounds, and for prediction.")
@click.option(
    "--samples", type=click.IntRange(min=3), default=12, show_default=True, help="Number of composites in the dataset."
)
@click.option("--steps", type=click.IntRange(min=1), default=40, show_default=True, help="Number of fine-tuning steps.")
@click.pass_context
def demo(context: click.Context, out: str, images: str, samples: int, steps: int) -> int:
    """Make a dataset, predict with the bundled weights, fine-tune them for a few steps, and show it all on a page.

    Takes about two minutes on two cores and downloads nothing. Every command is printed before it runs. An interrupted
    demo continues where it stopped.
    """
    from aimkit.cli import run

    folder = expand(out, "--out")
    photos = expand(images, "--images") if images else None
    if photos is not None and not photos.is_dir():
        raise AimkitError("folder not found", f"--images {photos}", "name a folder of photos")
    verbosity = ["-q"] if context.find_root().params.get("quiet") else []
    for words in commands(folder, photos, samples, steps):
        console.info(f"\n$ {shlex.join(['aimkit', *words])}")
        code = run([*verbosity, *words])
        if code:
            return code
    _load(folder / "dataset")
    console.info(f"\nOpen this page in a browser: {folder / 'index.html'}")
    return 0


def commands(out: Path, photos: Path | None, samples: int, steps: int) -> Iterator[list[str]]:
    """Yield the commands of the demo, as arguments of aimkit.

    Args:
        out: Folder of everything that is made.
        photos: Folder of photos that serve as backgrounds and are predicted, or None.
        samples: Number of composites in the dataset; the held-out set has as many.
        steps: Number of steps of fine-tuning.
    """
    data, held_out, run = str(out / "dataset"), str(out / "held-out"), str(out / "run")
    small = ["placement.height=384", "placement.width=384"]
    own = ["--backgrounds", str(photos)] if photos else []
    yield ["synth", "demo", "-o", data, "-n", str(samples), "--workers", "2", "--resume", *own, *small]
    yield ["dataset", "verify", data]
    pictures = str(photos or Path(data) / "original")
    yield ["predict", pictures, "-o", str(out / "predictions"), "--sheet", str(out / "predictions.png"), "--overwrite"]

    soft = [_SOFT, "balance={}"]
    yield ["synth", "demo", "-o", held_out, "-n", str(samples), "--workers", "2", "--resume", "seed=99", *soft, *small]
    measured = ["--data", "folder", "--root", held_out, "--strategy", "whole"]
    yield ["evaluate", "-o", str(out / "before"), *measured, "--weights", "default", "--name", "before"]
    stream = f'{{source="synth", recipe="demo", overrides={json.dumps(soft)}, crop_first="fast"}}'
    yield [
        *("train", "finetune", "-o", run, "--auto-resume", f"steps={steps}", "batch=4", "log_every=4"),
        *("optim.lr=3e-4", "optim.warmup=4", f"data.train={stream}", "data.transform.size=160"),
        *("data.transform.crops=[256, 384]", f"validation.data={stream}", "validation.count=4"),
        *(f"validation.every={steps}", "validation.size=256", f"checkpoint_every={max(1, steps // 2)}"),
    ]
    yield ["evaluate", "-o", str(out / "after"), *measured, "--weights", run, "--name", "after"]
    mattes = str(out / "mattes")
    tuned = ["--weights", run, "--strategy", "whole", "--outputs", "alpha"]
    yield ["predict", str(Path(held_out) / "original"), "-o", mattes, *tuned, "--overwrite"]
    yield [
        *("runs", "report", run, str(out / "after"), str(out / "before"), "-o", str(out / "index.html")),
        *("--title", "aimkit demo", "--note", _NOTE, "--dataset", data, "--sheet", str(out / "predictions.png")),
        *("--predictions", f"{mattes}/alpha", "--truth", held_out),
    ]


def _load(folder: Path) -> None:
    from datasets import load_dataset

    console.info(f"\n>>> load_dataset({str(folder)!r}, split='train')")
    console.out(str(load_dataset(str(folder), split="train", cache_dir=str(folder.parent / "cache"))))
