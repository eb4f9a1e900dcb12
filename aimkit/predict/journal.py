"""Which photos a folder of predictions was made from, so that ``--resume`` takes no other photo of the same name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from aimkit.errors import AimkitError
from aimkit.files import write_error

#: In the folder of the outputs: a line a photo, its name and the SHA-256 of its file.
NAME = "photos.jsonl"


class Journal:
    """The record of finished photos; use it as a context manager.

    Args:
        out: Folder of the outputs.

    Attributes:
        digests: SHA-256 (hex) of the photo's file by the name of its outputs.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / NAME
        self.digests = _read(self.path)
        self._file: TextIO | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, name: str, digest: str) -> None:
        """Note a photo whose outputs are written.

        Raises:
            AimkitError: The file can't be written.
        """
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("a", encoding="utf-8", errors="surrogateescape")
            self._file.write(json.dumps({"name": name, "sha256": digest}) + "\n")
            self._file.flush()
        except OSError as error:
            raise write_error(error, self.path) from None
        self.digests[name] = digest


def _read(path: Path) -> dict[str, str]:
    """Entries of the file; a line that a killed run left unfinished is ignored."""
    digests: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return digests
    except OSError as error:
        raise AimkitError(f"can't read the file: {error.strerror}", str(path)) from None
    for line in lines:
        try:
            row = json.loads(line)
            digests[str(row["name"])] = str(row["sha256"])
        except (ValueError, KeyError, TypeError):
            continue
    return digests
