"""Initialising a network from weights that fit in part: another stage, another head, a bare backbone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from torch import nn

from aimkit.errors import AimkitError
from aimkit.models.weights import loading, official
from aimkit.state_dict import read

#: Where the tensors of a file may belong: the network, its backbone, timm's architecture inside a backbone.
_PLACES = ("", "backbone.", "backbone.trunk.", "backbone.trunk.model.")


@dataclass
class Match:
    """What became of every tensor.

    Attributes:
        where: The file.
        loaded: Our tensors that were loaded.
        missing: Our tensors that the file has not; they keep their fresh values.
        mismatched: Our tensors of another shape in the file: name, shape in the file, shape here.
        unused: Tensors of the file that the network has no place for.
    """

    where: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def text(self) -> str:
        """A few lines for the log."""
        lines = [f"init from {self.where}: {len(self.loaded)} tensors loaded"]
        lines += [f"  fresh: {_parts(self.missing)}"] if self.missing else []
        lines += [f"  other shape: {name} is {there} there, {here} here" for name, there, here in self.mismatched[:5]]
        lines += [f"  ... {len(self.mismatched) - 5} more of another shape"] if len(self.mismatched) > 5 else []
        lines += [f"  not used: {_parts(self.unused)}"] if self.unused else []
        return "\n".join(lines)


def load_matching(model: nn.Module, ref: str | os.PathLike[str]) -> Match:
    """Load what fits: into the network, or into its backbone when the file holds a backbone alone.

    Args:
        model: Changed in place.
        ref: A file (ours or a released one), the folder of a run or of a checkpoint, or a zoo id.

    Returns:
        What became of every tensor.

    Raises:
        AimkitError: The file can't be read, or not one tensor of it fits.
    """
    path = loading.find(ref)
    match = Match(str(ref))
    tensors = read(path)
    form = official.recognise(tensors)
    if form is not None:
        tensors, report = official.translate(tensors, form, str(path))
        match.unused += sorted(report.unused)
    current = model.state_dict()
    place = max(_PLACES, key=lambda prefix: len({f"{prefix}{key}" for key in tensors} & current.keys()))
    tensors = {f"{place}{key}": value for key, value in tensors.items()}
    fitting = {}
    for name, value in tensors.items():
        if name not in current:
            match.unused.append(name)
        elif value.shape != current[name].shape:
            match.mismatched.append((name, tuple(value.shape), tuple(current[name].shape)))
        else:
            fitting[name] = value
    if not fitting:
        what = f"no tensor of these weights fits this {type(model).__name__}"
        raise AimkitError(what, str(path), "was it built with the same backbone?")
    model.load_state_dict(fitting, strict=False)
    match.loaded = sorted(fitting)
    taken = {name for name, _, _ in match.mismatched} | fitting.keys()
    match.missing = sorted(name for name in current.keys() - taken if not name.endswith("num_batches_tracked"))
    return match


def _parts(names: list[str]) -> str:
    """Counts by the first two parts of the name: ``semantic.head 2, matting.head 2``."""
    counts: dict[str, int] = {}
    for name in names:
        part = ".".join(name.split(".")[:2])
        counts[part] = counts.get(part, 0) + 1
    rows = [f"{part} {count}" for part, count in sorted(counts.items())]
    return ", ".join(rows[:8]) + (f", ... {len(rows) - 8} more" if len(rows) > 8 else "")
