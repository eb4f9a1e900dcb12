"""Where files come from. A source is a text, such as

``hf://ORG/REPO@REVISION/FILE``, ``https://HOST/FILE``, ``gdrive://ID``, ``pypi://PROJECT/VERSION/FILE``,
``file:///absolute/file`` or ``file:name`` beside the manifest.

``#MEMBER`` at the end takes one member out of a zip file, such as a wheel.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from aimkit.console import Progress

#: Kind -> (form, an example for messages).
FORMS = {
    "hf": (r"hf://[\w.-]+/[\w.-]+(@[\w.-]+)?/[^@#]+", "hf://org/repo@revision/model.safetensors"),
    "https": (r"(https://[^/\s#]+|http://(127\.0\.0\.1|localhost)(:\d+)?)/[^\s#]+", "https://host/file.pth"),
    "gdrive": (r"gdrive://[\w-]{10,}", "gdrive://ID"),
    "pypi": (r"pypi://[\w.-]+/[\w.+!-]+/[\w.+-]+", "pypi://project/1.0/project-1.0-py3-none-any.whl#weights.pth"),
    "file": (r"file:(///?)?[^#]+", "file:///absolute/file, or file:name beside the manifest"),
}

#: Without a size in the manifest, nothing larger is fetched.
MAX_BYTES = 8 * 2**30
MB = 1_000_000


@dataclass
class Job:
    """One attempt to fetch a file.

    Attributes:
        source: The source without member.
        part: Where the bytes go; what is there already may be continued.
        known: Whether the result will be checked against a digest, so that a doubtful part may be continued.
        bytes: Size, when known.
        limit: Largest size.
        folder: Of the manifest.
        id: For messages.
        fresh: Do not continue what is there.
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
        """Refuse a size that can't be right.

        Raises:
            AimkitError: It is not the expected one, or too large.
        """
        if self.bytes is not None and size != self.bytes:
            raise AimkitError(f"the file has {size:,} bytes, {self.bytes:,} are expected", self.source)
        if size > self.limit:
            raise AimkitError(f"the file has {size:,} bytes, at most {self.limit:,} are taken", self.source)


def kind_of(source: str) -> str:
    """``hf``, ``https``, ``gdrive``, ``pypi`` or ``file``."""
    scheme = source.partition(":")[0]
    return "https" if scheme == "http" else scheme


def split(source: str) -> tuple[str, str]:
    """A source without its member, and the member or ""."""
    address, _, member = source.partition("#")
    return address, member


def fetch(job: Job) -> None:
    """Bring the bytes of a source to ``job.part``.

    Raises:
        AimkitError: It can't be done; says why, and what a person can do.
    """
    job.part.parent.mkdir(parents=True, exist_ok=True)
    if job.fresh:
        job.part.unlink(missing_ok=True)
    importlib.import_module(f"aimkit.zoo.sources.{kind_of(job.source)}").fetch(job)


def check_source(source: str) -> str:
    """The source itself.

    Raises:
        ValueError: It has no known form.
    """
    address, _ = split(source)
    known = FORMS.get(kind_of(address))
    if known is None:
        raise ValueError(f"'{source}' is no source; one begins with {', '.join(FORMS)}")
    if not re.fullmatch(known[0], address) or "/../" in address:
        raise ValueError(f"'{source}' is no source; write {known[1]}")
    return source


class Counter:
    """Feeds a progress bar, which counts megabytes, with bytes."""

    def __init__(self, bar: Progress, start: int = 0) -> None:
        self.bar, self.bytes, self.told = bar, 0, 0
        self.add(start)

    def add(self, count: int) -> None:
        """So many bytes more are done."""
        self.bytes += count
        if self.bytes // MB > self.told:
            self.bar.advance(self.bytes // MB - self.told)
            self.told = self.bytes // MB


def megabytes(size: int | None) -> int | None:
    """Whole megabytes, for the total of a progress bar."""
    return None if size is None else max(size // MB, 1)
