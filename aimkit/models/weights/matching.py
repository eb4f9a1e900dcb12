"""Initialises a network from weights that fit in part: of another stage, with another head, or a backbone alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from torch import nn

from aimkit.errors import AimkitError
from aimkit.models.weights import loading, official
from aimkit.state_dict import PREFIXES, read

#: What the tensors of a file may be: a network, its backbone, or timm's architecture inside a backbone.
_PREFIXES = ("", "backbone.", "backbone.trunk.", "backbone.trunk.model.", *PREFIXES)


@dataclass
class Match:
    """Which tensors were loaded and which were not.

    Attributes:
        where: The weights, as the caller named them.
        loaded: Names of our tensors that were loaded.
        missing: Names of our tensors that the file lacks; they keep their initial values.
        mismatched: Tensors with another shape in the file: name, shape in the file, shape in the network.
        unused: Names of the file's tensors that the network does not have.
    """

    where: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The match as a few lines for the log."""
        lines = [f"init from {self.where}: {len(self.loaded)} tensors loaded"]
        lines += [f"  not in the file: {_parts(self.missing)}"] if self.missing else []
        lines += [
            f"  shape differs: {name} is {there} in the file, {here} in the network"
            for name, there, here in self.mismatched[:5]
        ]
        lines += [f"  ... {len(self.mismatched) - 5} more with another shape"] if len(self.mismatched) > 5 else []
        lines += [f"  not used: {_parts(self.unused)}"] if self.unused else []
        return "\n".join(lines)


def load_matching(model: nn.Module, ref: str | os.PathLike[str]) -> Match:
    """Load the tensors that fit, into the network, or into its backbone when the file holds a backbone alone.

    Args:
        model: Network, changed in place.
        ref: File (ours or a released one), folder of a run or of a checkpoint, or zoo id.

    Returns:
        Which tensors were loaded and which were not.

    Raises:
        AimkitError: The file can't be read, or none of its tensors fits.
    """
    path = loading.find(ref)
    match = Match(str(ref))
    tensors = read(path)
    form = official.recognise(tensors)
    if form is not None:
        tensors, report = official.translate(tensors, form, str(path))
        match.unused += sorted(report.unused)
    current = model.state_dict()
    best = max(_PREFIXES, key=lambda prefix: len({f"{prefix}{key}" for key in tensors} & current.keys()))
    tensors = {f"{best}{key}": value for key, value in tensors.items()}
    fitting = {}
    for name, value in tensors.items():
        if name not in current:
            match.unused.append(name)
        elif value.shape != current[name].shape:
            match.mismatched.append((name, tuple(value.shape), tuple(current[name].shape)))
        else:
            fitting[name] = value
    if not fitting:
        what = f"none of these tensors fits this {type(model).__name__}"
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
