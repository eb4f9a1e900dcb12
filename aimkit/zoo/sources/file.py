"""``file:///absolute/file``, or ``file:name`` beside the manifest."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.request import url2pathname

from aimkit.errors import AimkitError
from aimkit.zoo.sources import Job


def fetch(job: Job) -> None:
    """Copy a local file; the cache keeps its own, so that the original may change or go."""
    path = locate(job.source, job.folder)
    try:
        job.check_size(path.stat().st_size)
        with path.open("rb") as source, job.part.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        raise AimkitError(f"can't copy the file: {error.strerror}", str(path)) from None


def locate(source: str, folder: Path) -> Path:
    """The file that a source means."""
    text = source.removeprefix("file:").removeprefix("//")
    path = Path(url2pathname(text))
    return path if text.startswith("/") else folder / path
