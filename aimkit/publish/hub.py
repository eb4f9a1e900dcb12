"""Sending files to the Hugging Face hub, in commits; a second try continues an interrupted one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.offline import check_reachable, hub

#: The most that one commit holds.
FILES, BYTES = 500, 4 << 30

RepoType = Literal["model", "dataset"]


def send(
    repo: str,
    files: Mapping[str, Path | bytes],
    last: Mapping[str, Path | bytes],
    *,
    message: str,
    kind: RepoType = "model",
    private: bool = False,
) -> str:
    """Upload files to a repository; those that are there already, with the same content, are not sent again.

    Args:
        repo: Name of the repository, ``ORG/NAME``; it is made if it does not exist.
        files: Files on this machine, or their bytes, by path in the repository. Many are sent in several commits.
        last: Files of the last commit, such as the card: where they are, the others are too.
        message: Title of the commits.
        kind: Kind of the repository.
        private: Make a new repository private.

    Returns:
        The last commit, 40 hex digits.

    Raises:
        AimkitError: There is no connection, or the hub refused; the commits before are kept.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    check_reachable(hub(), repo, verb="push to")
    try:
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
        api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
        there = _there(api, repo, kind)
        lacking = {name: content for name, content in files.items() if not _is_there(there.get(name), content)}
        if len(lacking) < len(files):
            console.info(f"{len(files) - len(lacking)} of {len(files)} files are already there")
        commit = ""
        for batch in (*_batches(lacking), last):
            # The hub's client shows the progress of large files.
            operations = [CommitOperationAdd(name, _sent(content)) for name, content in batch.items()]
            commit = str(api.create_commit(repo, operations, repo_type=kind, commit_message=message).oid)
        return commit
    except Exception as error:  # The hub's client raises errors of several libraries.
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        hint = "check the name, the connection and the login (hf auth login); the same command continues"
        raise AimkitError(f"the hub refused: {reason}", repo, hint, exit_code=1) from None


def _there(api: Any, repo: str, kind: RepoType) -> dict[str, str]:
    """Digest of each file of the repository by path: SHA-256 of large ones, git's of others."""
    from huggingface_hub.hf_api import RepoFile

    found = api.list_repo_tree(repo, repo_type=kind, recursive=True)
    return {one.path: one.lfs.sha256 if one.lfs else one.blob_id for one in found if isinstance(one, RepoFile)}


def _is_there(digest: str | None, content: Path | bytes) -> bool:
    if digest is None:
        return False
    if len(digest) == 64:
        known = hashlib.sha256()
    else:
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        known = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    if isinstance(content, bytes):
        known.update(content)
    else:
        with content.open("rb") as file:
            while chunk := file.read(1 << 20):
                known.update(chunk)
    return known.hexdigest() == digest


def _batches(files: Mapping[str, Path | bytes]) -> Iterator[dict[str, Path | bytes]]:
    batch: dict[str, Path | bytes] = {}
    size = 0
    for name, content in files.items():
        more = content.stat().st_size if isinstance(content, Path) else len(content)
        if batch and (len(batch) == FILES or size + more > BYTES):
            yield batch
            batch, size = {}, 0
        batch[name] = content
        size += more
    if batch:
        yield batch


def _sent(content: Path | bytes) -> str | bytes:
    return str(content) if isinstance(content, Path) else content
