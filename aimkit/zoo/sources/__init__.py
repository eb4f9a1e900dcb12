"""Sources of files. A source is a text, such as

``hf://ORG/REPO@REVISION/FILE``, ``https://HOST/FILE``, ``gdrive://ID``, ``pypi://PROJECT/VERSION/FILE``,
``file:///absolute/file`` or ``file:name`` beside the manifest.

``#MEMBER`` at the end selects one member of a zip file, such as a wheel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aimkit.errors import AimkitError
from aimkit.files import write_error
from aimkit.redact import redact_urls

if TYPE_CHECKING:
    from aimkit.console import Progress

#: Kind -> (form, an example for messages).
FORMS = {
    "hf": (r"hf://[\w.-]+/[\w.-]+(@[\w.-]+)?/[^@#]+", "hf://org/repo@revision/model.safetensors"),
    "https": (r"(https://[^/\s#]+|http://(127\.0\.0\.1|localhost)(:\d+)?)/[^\s#]+", "https://host/file.pth"),
    "gdrive": (r"gdrive://[\w-]{10,}", "gdrive://ID"),
    "pypi": (r"pypi://[\w.-]+/[\w.+!-]+/[\w.+-]+", "pypi://project/1.0/project-1.0-py3-none-any.whl#weights.pth"),
    "file": (r"file:(///?)?[^#]+", "file:///absolute/file, or file:name next to the manifest"),
}

#: Maximum size of a file whose size the manifest does not give.
MAX_BYTES = 8 * 2**30
MB = 1_000_000


@dataclass
class FetchJob:
    """One attempt to fetch a file.

    Attributes:
        source: The source, without member.
        part: File to fetch into; an existing part may be resumed.
        id: Zoo id, for messages.
        known: Whether the result will be checked against a digest, so that a part may be resumed without a validator.
        bytes: Expected size; None if unknown.
        limit: Maximum size in bytes.
        folder: Folder of the manifest, which ``file:name`` is relative to.
        fresh: Start over instead of resuming an existing part.
    """

    source: str
    part: Path
    id: str = ""
    known: bool = False
    bytes: int | None = None
    limit: int = MAX_BYTES
    folder: Path = field(default_factory=Path)
    fresh: bool = False

    def check_size(self, size: int) -> None:
        """Check the size of the file.

        Raises:
            AimkitError: The size is not the expected one, or is too large.
        """
        if self.bytes is not None and size != self.bytes:
            raise AimkitError(f"the file has {size:,} bytes, {self.bytes:,} expected", self.source)
        if size > self.limit:
            raise AimkitError(f"the file has {size:,} bytes, the limit is {self.limit:,}", self.source)


def kind_of(source: str) -> str:
    """The kind of a source: ``hf``, ``https``, ``gdrive``, ``pypi`` or ``file``."""
    scheme = source.partition(":")[0]
    return "https" if scheme == "http" else scheme


def split(source: str) -> tuple[str, str]:
    """Split a source into its address and its member, "" if it has none."""
    address, _, member = source.partition("#")
    return address, member


def fetch(job: FetchJob) -> None:
    """Fetch a source into ``job.part``.

    Raises:
        AimkitError: The file can't be fetched; the hint tells what to do instead.
    """
    # Imported here, since these modules import this one.
    from aimkit.zoo.sources import file, gdrive, hf, https, pypi

    fetchers = {"hf": hf.fetch, "https": https.fetch, "gdrive": gdrive.fetch, "pypi": pypi.fetch, "file": file.fetch}
    try:
        job.part.parent.mkdir(parents=True, exist_ok=True)
        if job.fresh:
            job.part.unlink(missing_ok=True)
        fetchers[kind_of(job.source)](job)
    except OSError as error:
        raise write_error(error, job.part) from None


def check_source(source: str) -> str:
    """Check the form of a source and return it.

    Raises:
        ValueError: The form is unknown.
    """
    address, _ = split(source)
    if redact_urls(source) != source:
        raise ValueError(
            "a source holds credentials, but manifests are published: write ${NAME}, an environment variable, instead"
        )
    known = FORMS.get(kind_of(address))
    if known is None:
        raise ValueError(f"'{source}' is not a source; sources begin with {', '.join(FORMS)}")
    if not re.fullmatch(known[0], address) or "/../" in address:
        raise ValueError(f"'{source}' is not a source; write {known[1]}")
    return source


class Counter:
    """Counts bytes for a progress bar of megabytes."""

    def __init__(self, bar: Progress, start: int = 0) -> None:
        self.bar, self.bytes, self.told = bar, 0, 0
        self.add(start)

    def add(self, count: int) -> None:
        """Count further bytes."""
        self.bytes += count
        if self.bytes // MB > self.told:
            self.bar.advance(self.bytes // MB - self.told)
            self.told = self.bytes // MB


def megabytes(size: int | None) -> int | None:
    """Whole megabytes, for the total of a progress bar."""
    return None if size is None else max(size // MB, 1)
