"""Pulling an entry: sources in order, size, digest and contents checked before the file takes its name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.zoo import safety, store, tensors
from aimkit.zoo.archive import extract
from aimkit.zoo.manifest import Entry
from aimkit.zoo.sources import MAX_BYTES, Job, kind_of, split
from aimkit.zoo.sources import fetch as fetch_source


def path(entry: Entry) -> Path:
    """The checked file of an entry, pulled when it is not cached.

    Raises:
        AimkitError: As :func:`pull`; or the cached file has changed.
    """
    if outdated(entry):
        return pull(entry)
    return store.verify(entry) or pull(entry)


def pull(
    entry: Entry, *, from_file: Path | None = None, trust_first_use: bool | None = None, force: bool = False
) -> Path:
    """Fetch an entry's file into the cache.

    Args:
        entry: The entry.
        from_file: Take this file, downloaded by hand, instead of the sources; it is checked like any other.
        trust_first_use: Accept a file whose digest nobody has published, and remember its digest. None asks the
            environment: ``AIMKIT_TRUST_FIRST_USE=1``.
        force: Fetch again what is cached.

    Returns:
        The cached file.

    Raises:
        AimkitError: The digest is unknown and not to be trusted; all sources failed, each is told; or the file is
            wrong. A file that was cached before stays as it is.
    """
    trust = switched_on("AIMKIT_TRUST_FIRST_USE") if trust_first_use is None else trust_first_use
    with _alone(entry):
        if not force and from_file is None and not outdated(entry):
            try:
                found = store.verify(entry)
            except AimkitError as error:
                console.warn(f"{error.what}; fetching it again")
            else:
                if found is not None:
                    return found
        wanted = store.expected(entry)
        if wanted is None and not trust:
            raise AimkitError(
                f"the digest of {entry.id} is unknown, so nobody can tell whether a file is the right one",
                f"zoo entry {entry.id}",
                f"aimkit zoo pull {entry.id} --trust-first-use  (records the digest and checks it from then on)",
            )
        if from_file is not None:
            return _from_file(entry, from_file, wanted)
        return _from_sources(entry, wanted)


def outdated(entry: Entry) -> bool:
    """Whether the cached file is what an earlier manifest meant."""
    record = store.records().get(entry.id)
    if record is None or store.by_tensors(entry, record):
        return False
    return bool(entry.sha256 and record.sha256 != entry.sha256 and store.cached(entry))


def switched_on(name: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on")


@contextmanager
def _alone(entry: Entry) -> Iterator[None]:
    """Only one process pulls an entry; the others wait, and then find it cached."""
    try:
        with store.lock(entry.id, timeout=0):
            yield
            return
    except Timeout:
        console.info(f"another process pulls {entry.id}; waiting for it")
    with store.lock(entry.id):
        yield


def _from_sources(entry: Entry, wanted: str | None) -> Path:
    failures: list[AimkitError] = []
    offline = switched_on("AIMKIT_OFFLINE")
    for source in entry.sources:
        try:
            if offline and kind_of(source) != "file":
                raise AimkitError("AIMKIT_OFFLINE is set", source)
            return _from_source(entry, source, wanted)
        except AimkitError as error:
            failures.append(error)
            if len(entry.sources) > 1:
                console.warn(f"{source}: {error.what}")
    if not failures:
        what = f"no source of {entry.id} is known"
        raise AimkitError(what, f"zoo entry {entry.id}", f"aimkit zoo pull {entry.id} --from FILE", exit_code=1)
    if len(failures) == 1:
        only = failures[0]
        hint = only.hint or f"aimkit zoo pull {entry.id} --from FILE"
        raise AimkitError(f"can't pull {entry.id}: {only.what}", only.where, hint, exit_code=1)
    lines = "".join(f"\n  {source}: {error.what}" for source, error in zip(entry.sources, failures, strict=True))
    hint = next((error.hint for error in failures if error.hint), f"aimkit zoo pull {entry.id} --from FILE")
    raise AimkitError(f"can't pull {entry.id}, all its sources failed:{lines}", "", hint, exit_code=1)


def _from_source(entry: Entry, source: str, wanted: str | None) -> Path:
    address, member = split(source)
    job = Job(
        address,
        store.part(entry, source),
        id=entry.id,
        known=wanted is not None,
        bytes=None if member or entry.tensors else entry.bytes,
        limit=MAX_BYTES,
        folder=entry.file.parent if entry.file else Path(),
    )
    continued = job.part.exists()
    fetch_source(job)
    try:
        return _take(entry, job.part, member, source, wanted)
    except AimkitError:
        if not continued:
            raise
        # What an earlier pull had left may have been damaged: once more, from its first byte.
        console.detail(f"{source}: the continued file is wrong, starting again")
        job.fresh = True
        fetch_source(job)
        return _take(entry, job.part, member, source, wanted)


def _from_file(entry: Entry, file: Path, wanted: str | None) -> Path:
    if not file.is_file():
        raise AimkitError("no such file", str(file), "give the file that you have downloaded")
    part = store.part(entry, "by hand")
    bytes = None if entry.tensors else entry.bytes
    fetch_source(Job(file.absolute().as_uri(), part, id=entry.id, bytes=bytes))
    return _take(entry, part, "", file.absolute().as_uri(), wanted)


def _take(entry: Entry, part: Path, member: str, source: str, wanted: str | None) -> Path:
    """Check fetched bytes and give them their name; they are removed when they are wrong."""
    file = part
    try:
        if member:
            file = part.with_name(f"{part.name}.member")
            extract(part, member, file, entry.bytes or MAX_BYTES)
        suffix = safety.check(file, source)
        size, digest = file.stat().st_size, store.sha256(file)
        other = wanted is not None and digest != wanted
        if entry.tensors is None and entry.bytes is not None and size != entry.bytes:
            raise AimkitError(f"the file has {size:,} bytes, {entry.bytes:,} are expected", source, exit_code=1)
        if other and entry.tensors is None:
            raise store.mismatch(entry, digest, wanted, source)
        file = file.replace(part.with_name(part.name + suffix))
        safety.check_contents(file, source)
        if other and tensors.digest(file) != entry.tensors:
            raise store.mismatch(entry, digest, wanted, source)
    except AimkitError:
        file.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        raise
    target = store.stem(entry).with_name(store.stem(entry).name + suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    old = store.cached(entry)
    os.replace(file, target)
    if old is not None and old != target:
        old.unlink()
    part.unlink(missing_ok=True)
    accepted = entry.tensors if other and entry.tensors and digest != entry.sha256 else ""
    store.keep(entry, target, digest, source, entry.sha256 is None, accepted)
    if wanted is None:
        console.info(f"{entry.id}: accepted with digest {digest}, which is checked from now on")
    return target
