"""Which photos a folder of predictions was made from, so that ``--resume`` takes no other photo of the same name."""

from __future__ import annotations

from pathlib import Path

from aimkit.journal import append, read
from aimkit.predict.collect import JOURNAL


class Journal:
    """The record of finished photos.

    Args:
        out: Folder of the outputs.

    Attributes:
        digests: SHA-256 (hex) of the photo's file by the name of its outputs.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / JOURNAL
        rows = read(self.path, "their photos are predicted again")
        wanted = [(row.get("name"), row.get("sha256")) for row in rows]
        self.digests = {name: digest for name, digest in wanted if isinstance(name, str) and isinstance(digest, str)}

    def add(self, name: str, digest: str) -> None:
        """Note a photo whose outputs are written.

        Raises:
            AimkitError: The file can't be written.
        """
        append(self.path, {"name": name, "sha256": digest})
        self.digests[name] = digest
