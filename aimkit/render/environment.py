"""Making a Python environment that has Blender as the module ``bpy``, in the cache folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from aimkit import console
from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.folder_lock import locked
from aimkit.offline import is_offline
from aimkit.render.blender import environment_python

#: What is installed; bpy's compiled parts want NumPy 1.
PACKAGES = ("bpy==5.0.1", "numpy<2")
#: The Python that this bpy is built for.
PYTHON = "3.11"
#: What it takes, for people.
SIZE = "about 400 MB to download, 1 GB on disk"

#: Bytes that must be free: the download and what is unpacked.
_SPACE = 1_500_000_000
#: What the names of unfinished environments begin with.
_UNFINISHED = "blender-unfinished-"
#: What pip and uv say when they reach no server, in lower case.
_UNREACHED = ("connection broken", "failed to establish", "max retries", "dns error", "error sending request")


def set_up() -> Path:
    """Make the environment, unless it exists. It appears only when it is complete.

    Returns:
        Its Python.

    Raises:
        AimkitError: There is no Python 3.11 and no uv, no space, or the packages can't be installed.
    """
    folder = cache_folder("blender")
    python = environment_python(folder)
    with locked(folder.parent, "render --setup", "blender"):
        if python.is_file() and _works(python):
            return python
        if is_offline():
            raise AimkitError("the environment needs the package index", "AIMKIT_OFFLINE", "unset it, and try again")
        for leftover in folder.parent.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        free = shutil.disk_usage(folder.parent).free
        if free < _SPACE:
            what = f"the environment needs {_SPACE / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB left"
            raise AimkitError(what, str(folder), "free some space, or set AIMKIT_HOME")
        console.info(f"installing {' and '.join(PACKAGES)} into {folder} ({SIZE})")
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
        try:
            made = environment_python(unfinished)
            for command in _commands(unfinished, made):
                _run(command, folder)
            if not _works(made):
                raise AimkitError(
                    "the new environment can't import bpy", str(folder), "try --blender PATH", exit_code=1
                )
            shutil.rmtree(folder, ignore_errors=True)
            # Its Python finds its packages from where it is; nothing else of it is used.
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return python


def _commands(folder: Path, python: Path) -> list[list[str]]:
    uv = shutil.which("uv")
    if uv is not None:
        return [
            [uv, "venv", "--quiet", "--python", PYTHON, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES],
        ]
    fitting = sys.executable if f"{sys.version_info[0]}.{sys.version_info[1]}" == PYTHON else None
    base = fitting or shutil.which(f"python{PYTHON}")
    if base is None:
        hint = f"install Python {PYTHON} or uv, or give --blender PATH"
        raise AimkitError(f"{PACKAGES[0]} needs Python {PYTHON}", "--setup", hint)
    return [
        [base, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
    ]


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        if any(sign in done.stderr.lower() for sign in _UNREACHED):
            hint = "check the network and the proxy, or give --blender PATH; run the same command again"
            raise AimkitError("can't reach the package index", str(folder), hint, exit_code=1)
        last = lines[-1][:300] if lines else "no reason given"
        hint = "give --blender PATH if there is no bpy for this system"
        raise AimkitError(f"can't make the environment: {last}", str(folder), hint, exit_code=1)


def _works(python: Path) -> bool:
    try:
        return subprocess.run([str(python), "-c", "import bpy"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False
