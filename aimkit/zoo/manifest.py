"""The manifest: one table for each checkpoint, in TOML files.

The package's entries are in its ``zoo`` folder; your own are in the folders of the environment variable ``AIMKIT_ZOO``,
else in the platform's data folder. Ids follow timm's grammar: ``backbone.tag`` or ``architecture_backbone.tag``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, model_validator

from aimkit import resources
from aimkit.errors import AimkitError
from aimkit.home import expand_home, home
from aimkit.recipe import Block, parse
from aimkit.registry import did_you_mean
from aimkit.toml_files import read_toml
from aimkit.zoo.sources import check_source

#: Licences that allow commercial use, lower case. Nobody owns what the generators draw.
PERMISSIVE = ("generated", "mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "unlicense")

_ID = r"^[a-z0-9][a-z0-9_]*\.[a-z0-9][a-z0-9_-]*$"
#: Names of metrics in manifests.
METRIC = re.compile(
    r"(sad|mse|mad|grad|conn)(_transition|_fg|_bg)?(_(so|stm|ns|type_mean|category_mean|category_[a-z_]+))?"
)

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Source = Annotated[str, AfterValidator(check_source)]


class TrainingSet(Block):
    """A dataset that weights were trained on.

    Attributes:
        name: Name of the dataset.
        licence: Its licence, or its owners' terms.
        origin: Where to get it, or its author.
        commercial: Whether the licence allows commercial use; None if it does not say.
        images: Number of images used.
    """

    name: str
    licence: str
    origin: str = ""
    commercial: bool | None = None
    images: int | None = Field(None, ge=1)


class Metric(Block):
    """Results on one test set under one protocol.

    Attributes:
        test_set: Name of the test set.
        protocol: All that must be equal for two rows to be comparable, as text.
        origin: Who measured: the paper, the repository's page, or this toolkit.
        values: Value by metric: ``sad``, ``mad_transition``, ``sad_stm``, ``sad_type_mean``, ...
    """

    test_set: str
    protocol: str = Field(min_length=10)
    origin: str
    values: dict[str, float] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_metrics(self) -> Metric:
        wrong = [key for key in self.values if not METRIC.fullmatch(key)]
        if wrong:
            raise ValueError(
                f"unknown metric {', '.join(wrong)}; write sad, mad_transition, sad_stm, sad_type_mean, ..."
            )
        return self


class PreprocessingTable(Block):
    """Preprocessing of a network's input: ``(image * value_range - mean) / std``, image in [0, 1].

    Attributes:
        mean: Mean of each channel.
        std: Standard deviation of each channel.
        value_range: Value of white, 1.0 or 255.0.
        size_multiple: Number of pixels that heights and widths must be multiples of.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    value_range: float = 1.0
    size_multiple: int = Field(32, ge=1)


class OnnxFile(Block):
    """The network of an entry as an ONNX file, whose weights are the entry's safetensors file beside it.

    Attributes:
        sources: Addresses of the file, tried in this order; see :mod:`aimkit.zoo.sources`.
        sha256: SHA-256 of the file, hex.
        bytes: Size of the file.
        opset: Version of the ONNX operators.
    """

    sources: tuple[Source, ...] = Field(min_length=1)
    sha256: Digest
    bytes: int = Field(ge=1)
    opset: int = Field(ge=1)


class ZooEntry(Block):
    """A checkpoint of the zoo.

    Attributes:
        id: ``backbone.tag`` for stage imagenet, else ``architecture_backbone.tag``.
        architecture: Name of the network; None for a backbone alone.
        backbone: Name of the backbone.
        options: Keywords of the network.
        stage: What it was trained for last: ``imagenet``, ``semantic``, ``saliency`` or ``matting``.
        init: Id of the entry that training started from.
        sources: Addresses of the file, tried in this order; see :mod:`aimkit.zoo.sources`.
        sha256: SHA-256 of the file, hex; None if unknown.
        bytes: Size of the file; None if unknown.
        tensors: Digest of the tensors, see :func:`aimkit.zoo.tensors.digest`. A file with another digest is accepted if
            it holds the same tensors. None if all sources are the same file.
        format: ``safetensors`` (aimkit's names), ``official-pth`` (the reference's names), ``timm`` (timm's names) or
            ``efficientnet-pytorch`` (the names of that package).
        onnx: The network as an ONNX file, which predicts without PyTorch; None if there is none.
        licence: Licence of the weights, an SPDX name if there is one.
        data: Training data of all stages.
        seen: Test sets whose images were used for training or model selection.
        preprocessing: Preprocessing of the network's input.
        predict: Inference defaults: a ``strategy`` and its options; the network's own if empty.
        recipe: Packaged recipe, or a TOML file beside the manifest.
        recipe_digest: Digest of the recipe that made the checkpoint.
        seed: Seed of the run.
        metrics: Results.
        paper: URL of the paper.
        notes: Further notes.
        default: Whether ``aimkit predict`` uses it when no weights are given.
    """

    id: Annotated[str, StringConstraints(pattern=_ID)]
    architecture: str | None = None
    backbone: str
    options: dict[str, Any] = Field(default_factory=dict)
    stage: Literal["imagenet", "semantic", "saliency", "matting"]
    init: str | None = None
    sources: tuple[Source, ...] = ()
    sha256: Digest | None = None
    bytes: int | None = Field(None, ge=1)
    tensors: Digest | None = None
    format: Literal["safetensors", "official-pth", "timm", "efficientnet-pytorch"]
    onnx: OnnxFile | None = None
    licence: str
    data: tuple[TrainingSet, ...] = ()
    seen: tuple[str, ...] = ()
    preprocessing: PreprocessingTable = PreprocessingTable()
    predict: dict[str, Any] = Field(default_factory=dict)
    recipe: str | None = None
    recipe_digest: Digest | None = None
    seed: int | None = None
    metrics: tuple[Metric, ...] = ()
    paper: str | None = None
    notes: str = ""
    default: bool = False

    _file: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _id_says_what_it_is(self) -> ZooEntry:
        stem = self.id.split(".")[0]
        trunk = self.backbone.split(".")[0].lower().replace("-", "_")
        wanted = f"{self.architecture}_{trunk}" if self.architecture else trunk
        if stem != wanted:
            raise ValueError(f"the id '{self.id}' must begin with '{wanted}.'")
        if self.onnx is not None and (self.architecture is None or self.format != "safetensors" or not self.sha256):
            raise ValueError("an ONNX file belongs to a network whose safetensors file has a digest")
        if self.default and self.architecture is None:
            raise ValueError("a backbone alone can't predict, so it can't be the default")
        if (self.architecture is None) != (self.stage == "imagenet"):
            raise ValueError("stage imagenet is for backbones without architecture; other stages need an architecture")
        return self

    @property
    def file(self) -> Path | None:
        """The manifest file that holds the entry."""
        return self._file

    @cached_property
    def commercial(self) -> bool | None:
        """Whether the licences of weights and data all allow commercial use; None if one of them does not say."""
        flags = [commercial(self.licence), *(data.commercial for data in self.data)]
        return False if False in flags else None if None in flags or not self.data else True

    @property
    def trained_on(self) -> str:
        """The names of its training data, each once."""
        return ", ".join(dict.fromkeys(data.name for data in self.data))

    def to_table(self) -> dict[str, Any]:
        """Convert to plain data without empty keys, for TOML and JSON."""
        table: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        return table


def commercial(licence: str) -> bool | None:
    """Whether a licence allows commercial use; None if its name does not state it."""
    text = licence.lower()
    if text in PERMISSIVE or re.fullmatch(r"cc-by-\d\.\d(-us)?", text):
        return True
    return False if re.search(r"\bnc\b|non-?commercial", text) else None


class Manifest(Block):
    """A manifest file."""

    checkpoint: tuple[ZooEntry, ...] = ()


def entries(files: Iterable[Path] | None = None) -> list[ZooEntry]:
    """All entries of manifest files, by default the packaged ones and your own, sorted by id.

    Raises:
        AimkitError: A file is invalid (all its errors are listed), or two entries have the same id.
    """
    found: dict[str, ZooEntry] = {}
    for file in manifest_files() if files is None else files:
        for entry in read(file):
            if entry.id in found:
                raise AimkitError(f"duplicate id '{entry.id}'", f"{found[entry.id].file} and {file}")
            found[entry.id] = entry
    return [found[key] for key in sorted(found)]


def read(file: Path) -> list[ZooEntry]:
    """The entries of one file.

    Raises:
        AimkitError: The file is invalid; all its errors are listed.
    """
    found = list(parse(Manifest, read_toml(file), str(file)).checkpoint)
    for entry in found:
        entry._file = file
    return found


def find(id: str) -> ZooEntry:
    """Find an entry by id, ``timm:NAME``, ``timm:NAME.TAG`` or the word ``default``.

    Raises:
        AimkitError: The id is unknown; the hint lists the nearest.
    """
    if id == "default":
        chosen = default_entry()
        if chosen is None:
            hint = "give a file, the folder of a training run, or a zoo id (aimkit zoo ls)"
            raise AimkitError("this installation has no default weights", hint=hint)
        return chosen
    if id.startswith("timm:"):
        from aimkit.zoo.timm_entries import timm_entry

        return timm_entry(id)
    known = {entry.id: entry for entry in entries()}
    if id not in known:
        hint = did_you_mean(id, [*known, "default"])
        raise AimkitError(f"unknown zoo id or file '{id}'", hint=f"{hint} ('aimkit zoo ls')".strip())
    return known[id]


def default_entry() -> ZooEntry | None:
    """The entry that is used when no weights are given: your own with ``default = true``, else the packaged one.

    Raises:
        AimkitError: Several of your own, or several packaged ones, have ``default = true``.
    """
    packaged = set(resources.zoo_files())
    chosen = [entry for entry in entries() if entry.default]
    own = [entry for entry in chosen if entry.file not in packaged]
    chosen = own or chosen
    if len(chosen) > 1:
        where = ", ".join(str(entry.file) for entry in chosen)
        raise AimkitError(f"{len(chosen)} entries have default = true: {', '.join(e.id for e in chosen)}", where)
    return chosen[0] if chosen else None


def manifest_files() -> list[Path]:
    """List the packaged manifest files and your own."""
    # Of another user's home, not even its folders can be seen.
    folders = [folder for folder in own_folders() if os.path.isdir(folder)]
    own = [file for folder in folders for file in sorted(folder.glob("*.toml")) if ".recipe." not in file.name]
    packaged = resources.zoo_files()
    return [*packaged, *(file for file in own if file not in packaged)]


def own_folders() -> list[Path]:
    """The folders of your own entries; ``zoo add`` writes to the first. There is none without a home folder."""
    named = os.environ.get("AIMKIT_ZOO")
    if named:
        return [expand_home(part, "AIMKIT_ZOO").absolute() for part in named.split(os.pathsep) if part]
    places = {"darwin": ("", "Library", "Application Support"), "win32": ("APPDATA", "AppData", "Roaming")}
    variable, *names = places.get(sys.platform, ("XDG_DATA_HOME", ".local", "share"))
    chosen, own = os.environ.get(variable), home()
    if chosen:
        return [Path(chosen) / "aimkit" / "zoo"]
    return [own.joinpath(*names, "aimkit", "zoo")] if own is not None else []
