"""``gdrive://ID``: Google Drive, through the optional package gdown."""

from __future__ import annotations

import inspect
from typing import Any

from aimkit.errors import AimkitError
from aimkit.zoo.safety import is_web_page
from aimkit.zoo.sources import FetchJob
from aimkit.zoo.sources.https import policy


def fetch(job: FetchJob) -> None:
    """Fetch a shared file of Drive, also if it is too large for Drive's virus scan."""
    link = browser_link(job.source)
    trust = "" if job.known else " --trust-first-use"
    by_hand = f"open {link} in a browser, then: aimkit zoo pull {job.id or 'ID'} --from FILE{trust}"
    try:
        import gdown
    except ImportError:
        hint = f"pip install 'aimkit[drive]', or {by_hand}"
        raise AimkitError("Google Drive needs the package gdown", job.source, hint, exit_code=1) from None
    options: dict[str, Any] = {"quiet": True, "use_cookies": False, "resume": True}
    if "timeout" in inspect.signature(gdown.download).parameters:
        options["timeout"] = policy.timeout
    # gdown keeps an interrupted download under its own name and resumes it.
    job.part.unlink(missing_ok=True)
    try:
        found = gdown.download(id=job.source.removeprefix("gdrive://"), output=str(job.part), **options)
    except Exception as error:  # gdown and requests raise many kinds of errors.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = " ".join(lines[:3])[:200] or type(error).__name__
        raise AimkitError(f"Google Drive refused: {reason}", job.source, by_hand, exit_code=1) from None
    if found is None or not job.part.is_file():
        raise AimkitError("Google Drive sent no file", job.source, by_hand, exit_code=1)
    with job.part.open("rb") as file:
        page = is_web_page(file.read(512))
    if page:
        job.part.unlink()
        what = "Google Drive answered with a web page instead of the file"
        raise AimkitError(what, job.source, by_hand, exit_code=1)
    job.check_size(job.part.stat().st_size)


def browser_link(source: str) -> str:
    """The address to download the file in a browser."""
    return f"https://drive.google.com/file/d/{source.removeprefix('gdrive://')}/view"
