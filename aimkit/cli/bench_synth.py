"""aimkit bench synth: how fast training samples are made."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from aimkit import console


@click.command()
@click.option("--foregrounds", type=click.Path(exists=True, file_okay=False), help="Folder of RGBA cut-outs to use.")
@click.option("--backgrounds", type=click.Path(exists=True, file_okay=False), help="Folder of photos to use.")
@click.option(
    "-n", "--count", default=8, show_default=True, type=click.IntRange(1), help="Number of photos of each kind."
)
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(1), help="Number of rounds over all methods."
)
@click.option(
    "--samples",
    default=12,
    show_default=True,
    type=click.IntRange(1),
    help="Number of samples of each method in a round.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def synth(
    foregrounds: str | None, backgrounds: str | None, count: int, rounds: int, samples: int, as_json: bool
) -> None:
    """Time making 320-pixel crops from 1080-pixel photos: compositing whole images, and compositing the crop alone.

    All methods are timed in rounds on one core, in processor time, and compared within a round. Generators draw the
    photos unless folders are given.
    """
    import cv2

    from aimkit.bench import photos as inputs
    from aimkit.bench import synth as bench
    from aimkit.bench.machine import machine, machine_line
    from aimkit.datasets.find import find_images

    cv2.setNumThreads(1)
    folders = [Path(given) if given else None for given in (foregrounds, backgrounds)]
    cutouts, photos = ([Path(str(p)) for p in find_images(f, [])[0].values()] if f else [] for f in folders)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        console.info(f"writing {count} photos of each kind, {inputs.SHORT} pixels on the short side")
        inputs.write_photos(folder, count, cutouts, photos)
        rows = bench.measure(folder, rounds, samples)
        parts = {mode: bench.time_parts(folder, mode == "fast") for mode in ("exact", "fast")}
        limits = bench.time_limits(folder)
        writing = {image: bench.time_writing(folder, image) for image in ("png", "jpg")}
        processes = bench.time_processes(folder)
    if as_json:
        result = {
            "machine": machine(),
            "rows": [{**row.__dict__, "rate": row.rate} for row in rows],
            "parts": {mode: dict(table) for mode, table in parts.items()},
            "limits": dict(limits),
            "writing": {image: times.__dict__ for image, times in writing.items()},
            "processes": dict(processes),
        }
        console.out(json.dumps(result, indent=2))
        return
    console.table(
        ["way", "from", "ms", "samples/s", "times as fast"],
        [[r.way, r.source, f"{r.milliseconds:.1f}", f"{r.rate:.1f}", f"{r.ratio:.1f}"] for r in rows],
    )
    console.table(
        ["where the time goes, ms (profiled)", "exact", "fast"],
        [[a, f"{b:.2f}", f"{c:.2f}"] for (a, b), (_, c) in zip(parts["exact"], parts["fast"], strict=True)],
    )
    console.table(["bare limits", "ms"], [[what, f"{ms:.1f}"] for what, ms in limits])
    console.table(
        ["writing whole composites", "ms", "of it encoding", "OpenCV's encoding", "times OpenCV's", "bytes, times"],
        [
            [image, f"{w.both:.0f}", f"{w.encoding:.0f}", f"{w.bare:.0f}", f"{w.both / w.bare:.2f}", f"{w.size:.2f}"]
            for image, w in writing.items()
        ],
    )
    console.table(["processes", "samples/s, fast, pool"], [[str(n), f"{rate:.0f}"] for n, rate in processes])
    console.info(machine_line())
