"""Find the recipes and zoo entries that are installed with the package, from a wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

from aimkit.errors import AimkitError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the packaged data folder ``recipes`` or ``zoo``.

    Raises:
        AimkitError: The installation does not have the folder.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise AimkitError(f"packaged folder '{name}' not found", str(_PACKAGE), "reinstall aimkit", exit_code=1)


def recipes(kind: str | None = None) -> dict[str, Path]:
    """Return the packaged recipes by ``kind/name``, for example ``synth/demo``; of all kinds when ``kind`` is None."""
    found = sorted(folder("recipes").glob(f"{kind or '*'}/*.toml"))
    return {f"{path.parent.name}/{path.stem}": path for path in found}


def zoo_files() -> list[Path]:
    """Return the packaged zoo manifests, without the recipes of entries that lie beside them."""
    return [path for path in sorted(folder("zoo").glob("*.toml")) if not path.name.endswith(".recipe.toml")]
