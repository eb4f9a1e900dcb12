"""``file:///absolute/file``, or ``file:name`` beside the manifest."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.request import url2pathname

from aimkit.errors import AimkitError
from aimkit.paths import inside
from aimkit.storage import check_regular
from aimkit.zoo.sources import FetchJob


def fetch(job: FetchJob) -> None:
    """Copy a local file, so that the cache does not depend on the original."""
    path = locate(job.source, job.folder)
    try:
        check_regular(path)
        job.check_size(path.stat().st_size)
        shutil.copyfile(path, job.part)
    except OSError as error:
        raise AimkitError(f"can't copy the file: {error.strerror or error}", str(path)) from None


def locate(source: str, folder: Path) -> Path:
    """The path of a source.

    Raises:
        AimkitError: A name beside the manifest leads out of its folder.
    """
    text = source.removeprefix("file:").removeprefix("//")
    path = url2pathname(text)
    return Path(path) if text.startswith("/") else inside(folder, path)
