"""The pictures of a source that is one folder of files."""

from __future__ import annotations

from typing import Literal, Protocol

from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.find import FoundImages, find_images
from aimkit.datasets.scan_report import ScanReport
from aimkit.storage import Place, place


class FolderKeys(Protocol):
    """The keys of such a source."""

    @property
    def title(self) -> str:
        """Name of the source."""

    @property
    def path(self) -> str:
        """The folder."""

    @property
    def exclude(self) -> str | list[str]:
        """Files to exclude, or a file that lists them."""

    @property
    def allow_missing(self) -> Literal[True] | None:
        """Whether most entries of the list may match nothing."""


def list_folder(block: FolderKeys) -> tuple[Place, FoundImages, ScanReport]:
    """Search the folder of a source with its subfolders; the report notes what was left out.

    Raises:
        AimkitError: The folder or the exclude list can't be read, or most of the list matches nothing.
    """
    root = place(block.path)
    report = ScanReport(block.title, str(root))
    exclude = read_exclude(block.exclude)
    images = find_images(root, exclude)
    report.add(images)
    report.notes += exclude.check(images.files, bool(block.allow_missing))
    return root, images, report
