"""``recipe.lock.toml``: the recipe of a dataset with every default filled in, and the versions that wrote it.

It is itself a recipe: ``aimkit synth recipe.lock.toml -o OUT`` writes the dataset again.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import tomli_w

import aimkit
from aimkit.errors import AimkitError
from aimkit.redact import redact
from aimkit.storage import Place
from aimkit.toml_files import read_toml

NAME = "recipe.lock.toml"

#: All shards of a dataset are planned at its start.
MAX_SHARDS = 10**6

#: Keys that may change when a run is resumed: they decide when it stops, not what it writes.
_FREE = {"output.max_failures"}


def lock_text(recipe: Any, remarks: Mapping[str, str] | None = None) -> str:
    """The lock file of a recipe whose count is known.

    Args:
        recipe: The recipe.
        remarks: What else is put on record, by name: a line each, above the recipe.
    """
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    head = f"# The recipe of this dataset. Again: aimkit synth {NAME} -o OUT\n# digest: {recipe.digest()}\n"
    more = "".join(f"# {name}: {' '.join(text.split())}\n" for name, text in (remarks or {}).items() if text)
    return f"{head}# versions: {used}\n{redact(more)}\n{redact(tomli_w.dumps(recipe.resolved()))}"


def read_lock(root: Place) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the resolved recipe of a dataset, and the remarks above it (``digest``, ``versions``, ``sources``).

    Raises:
        AimkitError: The folder is not a dataset written by aimkit.
    """
    path = root / NAME
    if not path.is_file():
        what = f"the folder has no {NAME}" if root.is_dir() else "folder not found"
        raise AimkitError(f"not a dataset: {what}", str(root), "give the OUT folder of an 'aimkit synth' run")
    recipe = read_toml(path)
    remarks = dict(
        line[2:].split(": ", 1)
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("# ") and ": " in line
    )
    output, hint = recipe.get("output"), "restore it; it must not be edited"
    if not isinstance(output, dict) or not isinstance(output.get("format"), str) or "count" not in recipe:
        raise AimkitError("the lock file lacks count or output.format", str(path), hint)
    count, size = recipe["count"], output.get("shard_size")
    if type(count) is not int or type(size) is not int or size < 1 or not 1 <= count <= MAX_SHARDS * size:
        raise AimkitError("the lock file's count or output.shard_size is not a possible number", str(path), hint)
    return recipe, remarks


def differences(locked: dict[str, Any], recipe: dict[str, Any]) -> list[str]:
    """One line for every key whose value differs between the dataset's recipe and another one."""
    old, new = _flat(locked), _flat(recipe)
    # In a lock file, secrets are masked.
    unlike = (k for k in {**old, **new} if redact(repr(old.get(k))) != redact(repr(new.get(k))))
    keys = sorted(k for k in unlike if k not in _FREE)
    return [f"{key}: {_said(old, key)} in the dataset, {_said(new, key)} now" for key in keys]


def versions() -> dict[str, str]:
    """Versions of the packages that the written bytes depend on."""
    return {
        "aimkit": aimkit.__version__,
        "numpy": _version("numpy"),
        "opencv": _version("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
        "pillow": _version("pillow"),
        "pyarrow": _version("pyarrow"),
        "python": platform.python_version(),
    }


def _version(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {k: v for name, part in value.items() for k, v in _flat(part, f"{prefix}{name}.").items()}
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return {k: v for i, part in enumerate(value) for k, v in _flat(part, f"{prefix}{i}.").items()}
    return {prefix.rstrip("."): value}


def _said(flat: dict[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "absent"
