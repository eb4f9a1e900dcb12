"""Finds the recipes and zoo entries that come with the package, in a wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

from aimkit.errors import AimkitError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The packaged data folder ``recipes`` or ``zoo``.

    Raises:
        AimkitError: The installation lacks the folder.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise AimkitError(f"this installation has no {name} folder", str(_PACKAGE), "reinstall aimkit", exit_code=1)


def recipes(kind: str | None = None) -> dict[str, Path]:
    """Packaged recipes by ``kind/name``, for example ``synth/demo``; only one kind when it is given."""
    found = sorted(folder("recipes").glob(f"{kind or '*'}/*.toml"))
    return {f"{path.parent.name}/{path.stem}": path for path in found}


def zoo_files() -> list[Path]:
    """Packaged zoo manifest files; recipes of entries lie beside them."""
    return [path for path in sorted(folder("zoo").glob("*.toml")) if not path.name.endswith(".recipe.toml")]
