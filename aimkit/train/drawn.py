"""The synth recipes that a run draws from, resolved and kept in its folder.

``RUN/synth.train.toml`` and ``RUN/synth.validation.toml`` are recipes themselves, with every default filled in. A
recipe file that is edited before ``--resume`` is noticed, and the run can be repeated after the file was lost. The seed
is the file's: a stream with ``reseed`` mixes it with the run's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tomli_w

import aimkit
from aimkit.data.streams import SynthStream
from aimkit.datasets.lock import differences
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.recipe import load_recipe
from aimkit.redact import redact
from aimkit.synth.recipe import SynthRecipe
from aimkit.toml_files import read_toml
from aimkit.train.recipe import TrainRecipe

#: Lines of an error.
_SHOWN = 12


def record(recipe: TrainRecipe, run: Path) -> list[Path]:
    """Keep the synth recipes of a run, or compare them with those that it began with.

    Returns:
        The files.

    Raises:
        AimkitError: A recipe can't be read, or says something else than when the run began.
    """
    files = []
    for name, key, found in _synth_recipes(recipe):
        file = run / name
        if file.exists():
            _compare(file, key, found)
        else:
            head = f"# The recipe of {key}, with every default. Made with aimkit {aimkit.__version__}.\n"
            head += f"# digest: {found.digest()}\n\n"
            write_bytes(file, (head + redact(tomli_w.dumps(found.resolved()))).encode())
        files.append(file)
    return files


def _synth_recipes(recipe: TrainRecipe) -> Iterator[tuple[str, str, SynthRecipe]]:
    blocks = {"train": recipe.data.train, "validation": recipe.validation.data}
    for name, block in blocks.items():
        if isinstance(block, SynthStream):
            key = "data.train" if name == "train" else "validation.data"
            yield f"synth.{name}.toml", key, load_recipe(block.recipe, block.overrides, kind="synth")


def _compare(file: Path, key: str, recipe: SynthRecipe) -> None:
    old, new = ({**table} for table in (read_toml(file), recipe.resolved()))
    for name in recipe.outside_digest:  # How many are stored, and how, is nothing to a stream.
        old.pop(name, None), new.pop(name, None)
    changed = differences(old, new)
    if changed:
        lines = [line.replace(" in the dataset, ", " when the run began, ") for line in changed]
        shown = "\n  ".join(lines[:_SHOWN] + ([f"... and {len(lines) - _SHOWN} more"] if lines[_SHOWN:] else []))
        what = f"the synth recipe of {key} has changed since the run began:\n  {shown}"
        raise AimkitError(what, str(file), "undo the change (this file is the old recipe), or start a new run")
