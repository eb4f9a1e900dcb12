"""The cache folder, for what can be made again: scans, estimated foregrounds, downloads.

In a container the home folder may be missing or read-only. What would be cached there goes to a temporary folder then.
"""

from __future__ import annotations

import multiprocessing
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.home import expand_home, home


def cache_folder(name: str = "") -> Path:
    """Return the cache folder, or a subfolder of it, which may not exist yet.

    ``AIMKIT_HOME`` is used when it is set, else the platform's default: ``~/.cache/aimkit`` (or ``XDG_CACHE_HOME``),
    ``~/Library/Caches/aimkit`` on macOS, ``%LOCALAPPDATA%\\aimkit`` on Windows. You may delete it at any time. Where it
    can't be written, a temporary folder takes its place, and a line says so.

    Raises:
        AimkitError: There is no temporary folder either.
    """
    root = chosen_folder()
    if root is None or not _takes_files(root):
        root = _substitute(root)
    return root / name if name else root


def cache_folders(name: str = "") -> list[Path]:
    """The folders to read from: that of :func:`cache_folder`, and the user's own where it can't be written."""
    own = chosen_folder()
    readable = own is not None and os.access(own, os.R_OK | os.X_OK)
    roots = dict.fromkeys([cache_folder(), *([own] if own is not None and readable else [])])
    return [root / name if name else root for root in roots]


def chosen_folder() -> Path | None:
    """The folder that the user or the platform chooses, whether it can be written or not; None without a home."""
    named = os.environ.get("AIMKIT_HOME")
    if named:
        return expand_home(named, "AIMKIT_HOME")
    own = home()
    if sys.platform == "darwin":
        return own and own / "Library" / "Caches" / "aimkit"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) / "aimkit" if local else own and own / "AppData" / "Local" / "aimkit"
    caches = _caches()
    return caches and caches / "aimkit"


def redirect_hub() -> None:
    """Let the Hugging Face client keep its downloads in a temporary folder where it could not keep them at home.

    It reads ``HF_HOME`` when it is first imported. A folder that exists is left alone, since it may hold downloads.
    """
    caches = _caches()
    chosen = "HF_HOME" in os.environ or (caches is not None and os.path.isdir(caches / "huggingface"))
    if not chosen and (caches is None or not _takes_files(caches)):
        os.environ["HF_HOME"] = str(_temporary() / "huggingface")


def _caches() -> Path | None:
    """The folder of all programs' caches, as the XDG rules name it."""
    named, own = os.environ.get("XDG_CACHE_HOME"), home()
    return Path(named) if named else own and own / ".cache"


@cache
def _takes_files(folder: Path) -> bool:
    """Whether a folder can be made and written; permissions alone do not tell (read-only disks, quotas)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def _substitute(wanted: Path | None) -> Path:
    found = _temporary()
    if multiprocessing.parent_process() is None:
        why = f"the cache folder {wanted} can't be written" if wanted else "there is no home folder for the cache"
        console.info(f"{why}: using {found} (set AIMKIT_HOME to choose another)")
    return found


@cache
def _temporary() -> Path:
    """A folder in the system's temporary one: the same for all processes of a user, and nobody else's."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        folder = Path(tempfile.gettempdir()) / f"aimkit-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        if stat.S_ISDIR(facts.st_mode) and facts.st_uid == user and not facts.st_mode & 0o022 and _takes_files(folder):
            return folder
        return Path(tempfile.mkdtemp(prefix="aimkit-"))
    except OSError as error:
        what = f"no folder takes temporary files: {error.strerror or error}"
        raise AimkitError(what, "cache", "free some space, or set AIMKIT_HOME or TMPDIR", exit_code=1) from None
