"""aimkit types: types files for your own foregrounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimkit import console
from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from aimkit.datasets.find import FoundImages
    from aimkit.matting.image_type import Inference


@click.group()
def types() -> None:
    """Image types (SO, STM, NS) of foregrounds: infer them, or check a types file."""


@types.command()
@click.argument("folder")
@click.option("-o", "--out", "--output", "output", help="Write a types file (JSON in AIM's format) to edit.")
@click.option("--category", default="", help="Category of all images.")
@click.option("--below", type=float, default=1.01, help="List only images with a confidence below this, 0 to 1.")
@click.option(
    "--alpha-range",
    type=click.Choice(["0-1", "0-100", "0-255", "0-65535"]),
    help="Scale of grey mattes; inferred from all by default.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing output file.")
def infer(folder: str, output: str | None, category: str, below: float, alpha_range: str | None, force: bool) -> None:
    """Infer the types of the cut-outs or mattes in FOLDER, least confident first.

    FOLDER holds images with an alpha channel, or mattes, directly or in alpha/ or mask/.
    """
    from collections import Counter

    from aimkit.files import write_bytes
    from aimkit.recipe import expand

    if output and expand(output).exists() and not force:
        raise AimkitError("the file already exists", output, "choose another name, or add --force")
    guesses = _guess(expand(folder), alpha_range or "")
    rows = sorted(guesses.items(), key=lambda item: (item[1].confidence, item[0]))
    console.table(
        ["name", "type", "confidence", "solid", "partial", "empty"],
        [_row(name, guess) for name, guess in rows if guess.confidence < below],
    )
    counts = Counter(str(g.type) for g in guesses.values())
    console.info(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    if output:
        lines = [
            f"  {json.dumps(name, ensure_ascii=False)}: "
            + json.dumps({"type": str(g.type), "category": category}, ensure_ascii=False)
            for name, g in sorted(guesses.items())
        ]
        write_bytes(expand(output), ("{\n" + ",\n".join(lines) + "\n}\n").encode())
        console.info(f"wrote {output}: edit it, then set types = {json.dumps(output)} in the source's table")


@types.command()
@click.argument("folder")
@click.argument("file")
@click.option("--dataset", default="", help="Section of a types file with several datasets.")
def check(folder: str, file: str, dataset: str) -> None:
    """Compare a types FILE with the names in FOLDER.

    Everything that does not match is listed.
    """
    from aimkit.datasets.types_file import match, read_types
    from aimkit.recipe import expand

    matching = match(_mattes(expand(folder)).files, read_types(file, dataset))
    console.out(matching.text())
    if matching.missing or matching.unknown:
        raise AimkitError("the types file does not match the folder", file, "rename the images, or edit the file")


def _mattes(folder: Path) -> FoundImages:
    """The files to read by id: from ``alpha/`` or ``mask/`` if there is one, else from the folder itself."""
    from aimkit.datasets.find import find_images

    own = next((folder / name for name in ("alpha", "mask") if (folder / name).is_dir()), folder)
    found = find_images(own)
    if not found.files:
        raise AimkitError("the folder has no images", str(own))
    return found


def _row(name: str, guess: Inference) -> list[str]:
    shares = (guess.statistics.solid, guess.statistics.partial, guess.statistics.empty)
    return [name, str(guess.type), f"{guess.confidence:.2f}", *(f"{share:.0%}" for share in shares)]


def _guess(folder: Path, alpha_range: str) -> dict[str, Inference]:
    import os
    from concurrent.futures import ThreadPoolExecutor

    from aimkit.datasets.matte_folder import scan_mattes
    from aimkit.matting.image_type import infer
    from aimkit.types import to_float

    images = _mattes(folder)
    found, skips, guesses = images.files, images.skips, {}
    mattes = scan_mattes(found, "read mattes", alpha_range, str(folder))
    for note in mattes.notes:
        console.warn(note)

    def guess(path: Path) -> Inference | AimkitError:
        try:
            return infer(to_float(mattes.read(path)))
        except AimkitError as error:
            return error

    workers = (os.cpu_count() or 1) + 1
    with console.progress(len(found), "infer types", "images") as progress, ThreadPoolExecutor(workers) as pool:
        for name, result in zip(found, pool.map(guess, found.values()), strict=True):
            progress.advance()
            if isinstance(result, AimkitError):
                skips.add(name, result, str(found[name]))
            else:
                guesses[name] = result
    total = len(guesses) + len(skips)
    skips.check(total)
    skips.tell(total)
    return guesses
