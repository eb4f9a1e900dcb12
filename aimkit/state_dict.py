"""Reads state dicts from files without running code, and unwraps them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aimkit import console
from aimkit.efficientnet_pytorch import is_efficientnet_pytorch, to_timm
from aimkit.errors import AimkitError
from aimkit.weights_file import check

#: Keys that trainers keep a state dict under. Of several in a file the first is taken: averages are what is reported.
CONTAINERS = (
    *("state_dict_ema", "model_ema", "params_ema", "ema_state_dict", "ema"),
    *("state_dict", "model_state_dict", "model_state", "model", "params", "net", "network", "module", "weights"),
)
_AVERAGES = CONTAINERS[:5]
#: Prefixes that wrappers around a network put before all of its keys.
PREFIXES = ("module.", "model.", "net.", "network.")
#: The same, which may also be inside a key.
_ANYWHERE = re.compile(r"(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
#: Bytes by which a tensor may be larger than the numbers that are stored for it.
_SLACK = 16 * 2**20
_STATE_DICT_HINT = "save the state dict alone: torch.save(model.state_dict(), FILE)"


def read(path: Path, *, quiet: bool = False) -> dict[str, Tensor]:
    """Read a state dict from a safetensors or PyTorch file and unwrap it; code in the file is not run.

    The form is told from the content, whatever the suffix. EfficientNets with the names of EfficientNet-PyTorch are
    renamed to timm's.

    Args:
        path: The file.
        quiet: Do not say which part of the file was taken.

    Raises:
        AimkitError: The file is missing, damaged, or something else than weights; or it is not a state dict.
    """
    if not path.is_file():
        raise AimkitError("weights file not found", str(path))
    content = _content(path)
    if not isinstance(content, dict):
        what = f"the file holds {_article(type(content).__name__)}, not a state dict"
        raise AimkitError(what, str(path), _STATE_DICT_HINT)
    tensors = unwrap(content, str(path), quiet=quiet)
    for name, tensor in tensors.items():
        _check_storage(name, tensor, str(path))
    return to_timm(tensors, str(path)) if is_efficientnet_pytorch(tensors) else tensors


def unwrap(content: Mapping[Any, object], where: str = "state dict", *, quiet: bool = False) -> dict[str, Tensor]:
    """The tensors of a checkpoint, under their names in the network.

    Trainers keep them under ``state_dict``, ``model``, ``params_ema`` and other keys beside optimisers and counters,
    and wrappers put ``module.``, ``model.`` or ``_orig_mod.`` before the names.

    Args:
        content: What the file holds.
        where: File for error messages.
        quiet: Do not say what was taken.

    Raises:
        AimkitError: There are no tensors, a value is not a tensor, or several parts could be the network.
    """
    taken: list[str] = []
    while (key := _container(content, where)) is not None:
        taken.append(key)
        content = content[key]  # type: ignore[assignment]
    tensors: dict[str, Tensor] = {}
    for name, value in content.items():
        if not isinstance(value, Tensor):
            what = f"'{str(name)[:80]}' is {_article(type(value).__name__)}, not a tensor"
            raise AimkitError(what, where, "is this a state dict?")
        tensors[str(name)] = value
    if not tensors:
        raise AimkitError("the state dict has no tensors", where)
    tensors, removed = _without_prefixes(tensors)
    if not quiet and (taken or removed):
        part = f"'{'.'.join(taken)}' of the file" if taken else "the file"
        said = f"{where}: read {part}" + (f", without the prefix {', '.join(removed)}" if removed else "")
        # Which of several is worth telling; the usual wrapping is not.
        (console.info if set(taken) & set(_AVERAGES) else console.detail)(said)
    return tensors


def _content(path: Path) -> Any:
    """What a file holds. Damaged ones raise any class of exception inside the two libraries."""
    suffix = check(path)
    try:
        if suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        # An open file, since PyTorch goes by the suffix of a path.
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise AimkitError("can't read the weights: not enough memory", str(path), exit_code=1) from None
    except Exception as error:
        raise _damaged(error, path) from None


def _damaged(error: Exception, path: Path) -> AimkitError:
    """The error for a file that can't be loaded, in our words: PyTorch advises to allow code."""
    text = str(error)
    if found := re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"Unsupported (?:global|class) ([\w.]+)", text):
        hint = f"no code of a file is run; in the program that wrote it, {_STATE_DICT_HINT}"
        return AimkitError(f"the file holds more than tensors: {found[1]}", str(path), hint)
    if "TorchScript" in text:
        return AimkitError("the file is a TorchScript program, not a state dict", str(path), _STATE_DICT_HINT)
    if "weights_only" in text or "Weights only load failed" in text:
        # Only the end of PyTorch's text says what was wrong; the rest is advice.
        text = "its pickle is damaged, or holds more than tensors"
    first = text.strip().split("\n")[0][:200] or type(error).__name__
    if isinstance(error, KeyError | IndexError | AssertionError):
        first = f"{type(error).__name__} {first}".removesuffix(f" {type(error).__name__}")
    return AimkitError(f"can't read the weights: {first}", str(path), "is the file complete?")


def _container(content: Mapping[Any, object], where: str) -> str | None:
    """The key of the part that is the network; None when the content is the network itself."""
    if any(isinstance(value, Tensor) for value in content.values()):
        # A network may have a parameter "weights"; a checkpoint has tensors beside its parts, such as a loss.
        known = [key for key in CONTAINERS if _holds_tensors(content.get(key))]
        return known[0] if known else None
    for key in CONTAINERS:
        if _holds_tensors(content.get(key)):
            return key
    parts = [str(key) for key, value in content.items() if _holds_tensors(value)]
    if len(parts) > 1:
        shown = ", ".join(f"'{key[:40]}'" for key in parts[:6])
        what = f"the file holds {len(parts)} state dicts, and none of them is named as the network: {shown}"
        raise AimkitError(what, where, "save the state dict of the network alone")
    empty = [key for key in CONTAINERS if isinstance(content.get(key), Mapping)]
    return next((key for key in (*parts, *empty) if key in content), None)


def _holds_tensors(value: object, depth: int = 2) -> bool:
    """Whether a value is a state dict, perhaps inside another container."""
    if not isinstance(value, Mapping) or not value:
        return False
    if any(isinstance(part, Tensor) for part in value.values()):
        return True
    return depth > 0 and any(_holds_tensors(value.get(key), depth - 1) for key in CONTAINERS)


def _without_prefixes(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors without the prefixes of wrappers, and the prefixes that were removed."""
    removed: list[str] = []
    if any(_ANYWHERE.search(key) for key in tensors):
        removed = sorted({match[0] for key in tensors for match in _ANYWHERE.finditer(key)})
        tensors = {_ANYWHERE.sub("", key): value for key, value in tensors.items()}
    while (prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in tensors)), None)) is not None:
        if not all(len(key) > len(prefix) for key in tensors):
            break
        removed.append(prefix)
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors, removed


def _check_storage(name: str, tensor: Tensor, where: str) -> None:
    """Refuse tensors that would take far more memory than their file, and kinds that networks do not have."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        raise AimkitError(f"'{name[:80]}' is not a plain tensor", where, "save it dense, in float32 or float16")
    wanted, held = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    if wanted > held + _SLACK:
        what = f"'{name[:80]}' of {tuple(tensor.shape)} would take {wanted:,} bytes, the file holds {held:,} for it"
        raise AimkitError(what, where, "the file is damaged, or was made to exhaust memory")


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
