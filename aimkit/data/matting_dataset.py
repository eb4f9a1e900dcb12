"""A recipe or a folder as a ``torch.utils.data.Dataset``, for your own training loops.

```python
import aimkit
from torch.utils.data import DataLoader

data = aimkit.data.dataset("demo", transform={"transform": "crop", "size": 256})
for batch in DataLoader(data, batch_size=8, shuffle=True, num_workers=2):
    batch = aimkit.data.to_device(batch, "cpu")
```

Items have the keys of :mod:`aimkit.sample_rows` as tensors, and ``index``. ``to_device`` turns a batch of them into
what ``network.preprocess`` and ``aimkit.train.losses`` take: image, foreground and background float32 in [0, 1], alpha
and label float32 in 0..255.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator, SerializeAsAny
from torch.utils.data import Dataset

from aimkit import resources
from aimkit.data.loader import to_tensors
from aimkit.data.transforms import SquareCrop, Transform, transforms
from aimkit.datasets.lock import NAME as LOCK
from aimkit.datasets.pairs import ALPHA_FOLDERS, IMAGE_FOLDERS, image_alpha_pairs
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.recipe import Block, load_recipe, named, parse
from aimkit.rng import rng
from aimkit.sample_rows import check_sizes
from aimkit.storage import Place, place
from aimkit.synth.engine import Synthesizer
from aimkit.synth.own_data import own_sources
from aimkit.synth.recipe import SynthRecipe
from aimkit.types import Sample

#: Bytes of decoded photos that a process caches for later composites.
_KEEP = 256 * 2**20


class MattingDataset(Dataset[dict[str, Any]]):
    """Samples as tensors by index; :func:`dataset` makes it. It can be pickled, and each process opens its own sources.

    Args:
        open: Opens the samples.
        transform: Brings a sample to the network's size; None leaves it as it is.
        seed: Seed of the transform's draws.
    """

    def __init__(self, open: Callable[[], Sequence[Sample]], transform: Transform | None = None, seed: int = 0) -> None:
        self.transform, self.seed, self.epoch = transform, seed, 0
        self._open = open
        self._samples: Sequence[Sample] | None = open()

    def set_epoch(self, epoch: int) -> None:
        """Draw new crops for every epoch, and new composites if the source is a recipe.

        Call it before each pass over a ``DataLoader``. Persistent workers (``persistent_workers=True``) don't see the
        change.
        """
        self.epoch = epoch

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples as NumPy arrays, before the transform."""
        if self._samples is None:
            self._samples = self._open()
        return self._samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return {**to_tensors(self._sample(index)), "index": index}

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The items of a batch.

        Raises:
            AimkitError: They differ in size, because there is no transform.
        """
        rows = [self[index] for index in indices]
        check_sizes({tuple(row["image"].shape[-2:]) for row in rows})
        return rows

    def _sample(self, index: int) -> Sample:
        samples, transform = self.samples, self.transform
        position = self.epoch * len(samples) + index
        draw = rng(self.seed, "transform", position)
        if not isinstance(samples, Synthesizer):
            return samples[index] if transform is None else transform.apply(samples[index], draw)
        if isinstance(transform, SquareCrop):
            # Only the crop is made, with the pixels that it has in the whole composite.
            return transform.finish(samples.window(position, transform.view(draw, reduced=False)), draw)
        made = samples.sample(position)
        return made if transform is None else transform.apply(made, draw)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_samples": None}


def dataset(
    source: str | os.PathLike[str] | SynthRecipe,
    overrides: Sequence[str] = (),
    *,
    transform: str | Mapping[str, Any] | Transform | None = None,
    foregrounds: str = "",
    mattes: str = "",
    backgrounds: str = "",
    seed: int = 0,
) -> MattingDataset:
    """Open a recipe or a folder as a torch dataset.

    Args:
        source: A synth recipe, by name, path or object, whose composites are made on the fly; a dataset that
            ``aimkit synth`` wrote; or a folder with photos in ``original/`` (or ``image/``) and mattes in ``mask/`` (or
            ``alpha/``).
        overrides: ``key=value`` texts for the recipe, such as ``count=500``.
        transform: Brings all samples to one size, so that they can be batched: the name of a transform ("crop", "fit"),
            its table in a recipe (``{"transform": "crop", "size": 256}``), or an object. None keeps their sizes.
        foregrounds: Own folder in place of the recipe's, see :func:`aimkit.synth.own_data.own_sources`.
        mattes: Folder of the photos' mattes, likewise.
        backgrounds: Folder of photos, likewise.
        seed: Seed of the transform's draws. That of the composites is the recipe's: ``overrides=["seed=1"]``.

    Returns:
        Items of uint8 tensors; keys, shapes and ranges are those of :mod:`aimkit.sample_rows`, and ``index``, int.
        Photos with mattes have no foreground and background: these are zeros, and ``composition_valid`` is False.

    Raises:
        AimkitError: The recipe or folder is not found or holds something else, or a key is wrong.
    """
    chosen = parse(_TransformTable, {"transform": transform}, "dataset").transform
    own = {"foregrounds": foregrounds, "mattes": mattes, "backgrounds": backgrounds}
    if isinstance(source, SynthRecipe) or not _is_folder(source):
        if isinstance(source, SynthRecipe):
            if overrides or any(own.values()):
                what = "overrides and own folders need the name or path of a recipe"
                raise AimkitError(what, "dataset", "load_recipe(name, overrides) takes overrides")
            recipe = source
        else:
            texts = [*overrides, *(own_sources(os.fspath(source), overrides, **own) if any(own.values()) else [])]
            recipe = load_recipe(source, texts, kind="synth")
        return MattingDataset(partial(Synthesizer, recipe, _KEEP), chosen, seed)
    folder = place(os.fspath(source))
    if overrides or any(own.values()):
        what = "overrides and own folders are for recipes, and this is a folder"
        raise AimkitError(what, str(folder), 'name a recipe: dataset("cutouts", foregrounds=DIR)')
    return MattingDataset(partial(_open_folder, folder), chosen, seed)


def _is_folder(source: str | os.PathLike[str]) -> bool:
    text = os.fspath(source)
    packaged = resources.recipes()
    return text not in packaged and f"synth/{text}" not in packaged and place(text).is_dir()


def _open_folder(folder: Place) -> Sequence[Sample]:
    if (folder / LOCK).is_file():
        return open_dataset(str(folder))
    if isinstance(folder, Path) and all(
        any((folder / name).is_dir() for name in names) for names in (IMAGE_FOLDERS, ALPHA_FOLDERS)
    ):
        return image_alpha_pairs(folder)
    what = "neither a dataset that aimkit wrote nor photos in original/ with mattes in mask/"
    raise AimkitError(what, str(folder), 'for cut-outs: dataset("cutouts", foregrounds=DIR)')


class _TransformTable(Block):
    """The argument ``transform``, read as in a recipe."""

    transform: Annotated[SerializeAsAny[Transform], PlainValidator(named(transforms, "transform"))] | None = None
