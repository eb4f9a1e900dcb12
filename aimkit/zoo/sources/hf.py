"""``hf://ORG/REPO@REVISION/FILE``: the Hugging Face hub."""

from __future__ import annotations

import os
import re
import shutil

from aimkit.errors import AimkitError
from aimkit.offline import check_reachable, hub
from aimkit.zoo.sources import FetchJob


def fetch(job: FetchJob) -> None:
    """Fetch a file of a repository; the hub's client resumes interrupted downloads."""
    from huggingface_hub import hf_hub_download

    repo, revision, name = parts(job.source)
    folder = job.part.with_name(job.part.name + ".hub")
    check_reachable(hub(), "the file", f"aimkit zoo pull {job.id or 'ID'} --from FILE")
    try:
        found = hf_hub_download(
            repo, name, revision=revision, local_dir=folder, endpoint=os.environ.get("HF_ENDPOINT") or None
        )
        job.check_size(os.path.getsize(found))
        os.replace(found, job.part)
    except AimkitError:
        raise
    except Exception as error:  # The hub's client raises errors of several libraries.
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        hint = "check the connection and the name; private repositories need hf auth login"
        raise AimkitError(f"the hub refused: {reason}", job.source, hint, exit_code=1) from None
    shutil.rmtree(folder, ignore_errors=True)


def parts(source: str) -> tuple[str, str | None, str]:
    """Split a source into repository, revision or None, and file."""
    found = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w.-]+))?/(.+)", source)
    if found is None:
        raise AimkitError("invalid source on the hub", source, "write hf://org/repo@revision/file")
    return found[1], found[2], found[3]
