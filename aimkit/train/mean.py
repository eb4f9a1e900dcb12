"""The mean of the weights of several runs that started from the same ones.

Runs that fine-tune the same weights end in one basin, and their mean often generalises better than each of them
(Wortsman et al.: Model soups, ICML 2022). Runs from different random weights do not: their mean predicts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

import aimkit
from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.models.weights import declared, loading
from aimkit.models.weights.declared import Declared
from aimkit.safetensors_file import write_tensors
from aimkit.state_dict import read
from aimkit.train import provenance


def write_mean(refs: Sequence[str], out: Path) -> Path:
    """Average weights and write ``OUT/model.safetensors``, with the training data of all of them in ``OUT/data.json``.

    Args:
        refs: Files, folders of runs or of checkpoints, or zoo ids; two or more. Counters, such as those of batch norm,
            are those of the first.
        out: Folder to write.

    Returns:
        The file. Its stage is "semantic" if that of any of the weights is: then not all have a trained decoder.

    Raises:
        AimkitError: The weights are not found, state different networks, or started from different ones; the folder has
            weights already.
    """
    if len(refs) < 2:
        raise AimkitError(
            "an average needs two or more runs", ", ".join(refs), "name several runs, weights files or zoo ids"
        )
    target = out / "model.safetensors"
    if target.exists():
        raise AimkitError("the folder has weights already", str(target), "choose another folder")
    told = [_told(ref) for ref in refs]
    for ref, one in zip(refs[1:], told[1:], strict=True):
        if _network(one) != _network(told[0]):
            what = f"different networks: {_network(told[0])} in {refs[0]}, {_network(one)} in {ref}"
            raise AimkitError(what, "RUNS", "average weights of one network only")
    history = provenance.of_all(refs)
    states = [read(loading.find(ref)) for ref in refs]
    mean = {}
    for name, value in states[0].items():
        found = [state.get(name) for state in states]
        if any(tensor is None or tensor.shape != value.shape for tensor in found):
            raise AimkitError(f"the weights differ in '{name}'", ", ".join(refs), "average weights of one network only")
        if value.is_floating_point():
            mean[name] = (
                torch.stack([tensor.double() for tensor in found if tensor is not None]).mean(0).to(value.dtype)
            )
        else:
            mean[name] = value.clone()
    stages = [one.stage for one in told]
    about = {
        "format": "aimkit",
        "aimkit": aimkit.__version__,
        "architecture": told[0].architecture or "",
        "backbone": told[0].backbone,
        "options": json.dumps(told[0].options, sort_keys=True),
        "stage": "semantic" if "semantic" in stages else stages[0],
        "init": ", ".join(refs),
    }
    if told[0].predict and all(one.predict == told[0].predict for one in told):
        about["predict"] = json.dumps(told[0].predict, sort_keys=True)
    out.mkdir(parents=True, exist_ok=True)
    provenance.save(history, out)
    with replacing(target) as temporary:
        write_tensors(mean, temporary, about)
    return target


def _told(ref: str) -> Declared:
    told = declared.of(ref)
    if told is None or told.architecture is None:
        raise AimkitError("the weights don't state their network", ref, "name runs, or weights of 'aimkit zoo ls'")
    return told


def _network(told: Declared) -> str:
    options = "".join(f", {key} {value}" for key, value in sorted(told.options.items()))
    return f"{told.architecture} on {told.backbone}{options}"
