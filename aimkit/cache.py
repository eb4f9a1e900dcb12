"""The cache folder, for what can be made again: scans, estimated foregrounds, downloads."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder(name: str = "") -> Path:
    """Return the cache folder, or a subfolder of it; it may not exist yet.

    ``AIMKIT_HOME`` is used when it is set, else the platform's default: ``~/.cache/aimkit`` (or ``XDG_CACHE_HOME``),
    ``~/Library/Caches/aimkit`` on macOS, ``%LOCALAPPDATA%\\aimkit`` on Windows. You may delete it at any time.
    """
    home = os.environ.get("AIMKIT_HOME")
    if home:
        root = Path(home).expanduser()
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches" / "aimkit"
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "aimkit"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aimkit"
    return root / name if name else root
