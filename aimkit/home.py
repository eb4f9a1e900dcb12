"""The user's home folder, which a container may not have."""

from __future__ import annotations

import os
from pathlib import Path

from aimkit.errors import AimkitError


def home() -> Path | None:
    """The home folder; None when neither ``HOME`` nor the system's list of users tells it."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expand_home(path: str | os.PathLike[str], where: str = "") -> Path:
    """Expand ``~`` and ``~user`` at the beginning of a path; ``~name`` of no user is a name like any other.

    Raises:
        AimkitError: The path begins with ``~/``, and the home folder is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        if Path(path).parts[0] != "~":
            return Path(path)
        hint = "set the environment variable HOME, or write the whole path"
        raise AimkitError(f"the home folder of '{os.fspath(path)}' is unknown", where, hint) from None
