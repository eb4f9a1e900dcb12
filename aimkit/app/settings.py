"""What a studio may do, and what its tabs share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

from aimkit.app.sessions import Sessions
from aimkit.app.uploads import UploadLimits


@dataclass(frozen=True)
class Studio:
    """A running studio, as its tabs see it.

    Attributes:
        local: Whether its visitors sit at this machine, so that they may name its files; False when it is reachable
            from elsewhere, as a Space is.
        folders: Folders of datasets, results and runs that are offered, to every visitor.
        limits: Bounds of uploads.
        sessions: What each visitor works on.
    """

    local: bool = True
    folders: tuple[Path, ...] = ()
    limits: UploadLimits = field(default_factory=UploadLimits)
    sessions: Sessions = field(default_factory=lambda: Sessions(Path(gettempdir())))
