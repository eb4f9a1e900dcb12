"""``hf://ORG/REPO@REVISION/FILE``: the Hugging Face hub."""

from __future__ import annotations

import os
import re
import shutil

from aimkit.errors import AimkitError
from aimkit.zoo.sources import Job


def fetch(job: Job) -> None:
    """Fetch a file of a repository; the hub's client continues what was cut off."""
    from huggingface_hub import hf_hub_download

    repo, revision, name = parts(job.source)
    folder = job.part.with_name(job.part.name + ".hub")
    try:
        found = hf_hub_download(
            repo, name, revision=revision, local_dir=folder, endpoint=os.environ.get("HF_ENDPOINT") or None
        )
        job.check_size(os.path.getsize(found))
        os.replace(found, job.part)
    except AimkitError:
        raise
    except Exception as error:  # The hub's client raises kinds of its own, of its HTTP library and of the system.
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        hint = "check the connection and the name; a private repository needs: hf auth login"
        raise AimkitError(f"the hub refuses: {reason}", job.source, hint, exit_code=1) from None
    shutil.rmtree(folder, ignore_errors=True)


def parts(source: str) -> tuple[str, str | None, str]:
    """(repository, revision or None, file)."""
    found = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w.-]+))?/(.+)", source)
    if found is None:
        raise AimkitError("not a source of the hub", source, "write hf://org/repo@revision/file")
    return found[1], found[2], found[3]
