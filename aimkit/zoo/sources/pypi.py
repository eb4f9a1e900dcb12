"""``pypi://PROJECT/VERSION/FILE``: a file of PyPI, or of a mirror with its JSON API (PEP 691)."""

from __future__ import annotations

import os
from urllib.parse import urljoin

from aimkit.digests import sha256
from aimkit.errors import AimkitError
from aimkit.zoo.sources import FetchJob
from aimkit.zoo.sources.https import download, read_json

_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


def fetch(job: FetchJob) -> None:
    """Fetch a distribution and check its digest in the index; ``PIP_INDEX_URL`` selects a mirror."""
    project, _, name = job.source.removeprefix("pypi://").split("/", 2)
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    page = f"{index}/{project.lower().replace('_', '-').replace('.', '-')}/"
    files = {str(file.get("filename")): file for file in read_json(page, _JSON).get("files", [])}
    if name not in files:
        raise AimkitError(f"file {name} not found in the index", page, exit_code=1)
    download(urljoin(page, files[name]["url"]), job)
    wanted = files[name].get("hashes", {}).get("sha256")
    found = sha256(job.part)
    if wanted and wanted != found:
        job.part.unlink()
        raise AimkitError(f"the file has digest {found}, the index has {wanted}", job.source, exit_code=1)
