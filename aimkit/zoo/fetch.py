"""Pull an entry: try its sources in order; check size, digest and contents before the file gets its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from aimkit import console
from aimkit.digests import sha256
from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.offline import switched_on
from aimkit.storage import check_regular
from aimkit.zoo import safety, store, tensors
from aimkit.zoo.archive import extract
from aimkit.zoo.manifest import ZooEntry
from aimkit.zoo.sources import MAX_BYTES, FetchJob, kind_of, split
from aimkit.zoo.sources import fetch as fetch_source
from aimkit.zoo.sources.file import locate


def path(entry: ZooEntry) -> Path:
    """The verified file of an entry, pulled if it is not cached.

    Raises:
        AimkitError: The file can't be pulled (see :func:`pull`), or the cached file has changed.
    """
    if outdated(entry):
        return pull(entry)
    return store.verify(entry) or in_place(entry) or pull(entry)


def pull(
    entry: ZooEntry, *, from_file: Path | None = None, trust_first_use: bool | None = None, force: bool = False
) -> Path:
    """Fetch an entry's file into the cache.

    Args:
        entry: The entry.
        from_file: File downloaded by hand, used instead of the sources and checked like them.
        trust_first_use: Accept a file without a published digest, and record its digest. None reads the environment
            variable ``AIMKIT_TRUST_FIRST_USE``.
        force: Fetch the file again even if it is cached.

    Returns:
        The cached file.

    Raises:
        AimkitError: The entry has no published digest and ``trust_first_use`` is off, all sources failed (each with
            its reason), or the file is wrong. A file that was cached before is kept.
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
                f"{entry.id} has no published digest, so its file can't be verified",
                f"zoo entry {entry.id}",
                f"aimkit zoo pull {entry.id} --trust-first-use  (records the digest and verifies later pulls)",
            )
        if from_file is not None:
            return _from_file(entry, from_file, wanted)
        return _from_sources(entry, wanted)


def outdated(entry: ZooEntry) -> bool:
    """Whether the cached file belongs to an earlier version of the manifest."""
    record = store.records().get(entry.id)
    if record is None or store.by_tensors(entry, record):
        return False
    return bool(entry.sha256 and record.sha256 != entry.sha256 and store.cached(entry))


def in_place(entry: ZooEntry) -> Path | None:
    """A file on this machine that is the entry's own: bundled weights are read in place, without a copy."""
    for source in entry.sources:
        address, member = split(source)
        if kind_of(source) != "file" or member or entry.sha256 is None:
            continue
        file = locate(address, entry.file.parent if entry.file else Path())
        try:
            check_regular(file)
            if sha256(file) == entry.sha256 and safety.check(file, source) == file.suffix:
                safety.check_contents(file, source)
                return file
        except OSError:
            continue
    return None


@contextmanager
def _alone(entry: ZooEntry) -> Iterator[None]:
    """Let one process pull an entry; the others wait and then find it cached."""
    try:
        with store.lock(entry.id, timeout=0):
            yield
            return
    except Timeout:
        console.info(f"waiting for another process that pulls {entry.id}")
    with store.lock(entry.id):
        yield


def _from_sources(entry: ZooEntry, wanted: str | None) -> Path:
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
        what = f"{entry.id} has no source"
        raise AimkitError(what, f"zoo entry {entry.id}", f"aimkit zoo pull {entry.id} --from FILE", exit_code=1)
    if len(failures) == 1:
        only = failures[0]
        hint = only.hint or f"aimkit zoo pull {entry.id} --from FILE"
        raise AimkitError(f"can't pull {entry.id}: {only.what}", only.where, hint, exit_code=1)
    lines = "".join(f"\n  {source}: {error.what}" for source, error in zip(entry.sources, failures, strict=True))
    hint = next((error.hint for error in failures if error.hint), f"aimkit zoo pull {entry.id} --from FILE")
    raise AimkitError(f"can't pull {entry.id}, all its sources failed:{lines}", "", hint, exit_code=1)


def _from_source(entry: ZooEntry, source: str, wanted: str | None) -> Path:
    address, member = split(source)
    job = FetchJob(
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
        # The part that an earlier pull left may be damaged: fetch the file once more, from its first byte.
        console.detail(f"{source}: the resumed file is wrong, starting over")
        job.fresh = True
        fetch_source(job)
        return _take(entry, job.part, member, source, wanted)


def _from_file(entry: ZooEntry, file: Path, wanted: str | None) -> Path:
    if not file.is_file():
        raise AimkitError("file not found", str(file), "give the downloaded file")
    part = store.part(entry, "by hand")
    bytes = None if entry.tensors else entry.bytes
    fetch_source(FetchJob(file.absolute().as_uri(), part, id=entry.id, bytes=bytes))
    return _take(entry, part, "", file.absolute().as_uri(), wanted)


def _take(entry: ZooEntry, part: Path, member: str, source: str, wanted: str | None) -> Path:
    """Check a fetched file and move it into the cache; remove it if it is wrong."""
    file = part
    try:
        if member:
            file = part.with_name(f"{part.name}.member")
            extract(part, member, file, entry.bytes or MAX_BYTES)
        suffix = safety.check(file, source)
        size, digest = file.stat().st_size, sha256(file)
        other = wanted is not None and digest != wanted
        if entry.tensors is None and entry.bytes is not None and size != entry.bytes:
            raise AimkitError(f"the file has {size:,} bytes, {entry.bytes:,} expected", source, exit_code=1)
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
    old = store.cached(entry)
    with replacing(target) as temporary:
        file.replace(temporary)
    if old is not None and old != target and old.parent == target.parent:
        old.unlink()
    part.unlink(missing_ok=True)
    accepted = entry.tensors if other and entry.tensors and digest != entry.sha256 else ""
    store.keep(entry, target, digest, source, entry.sha256 is None, accepted)
    if wanted is None:
        console.info(f"{entry.id}: recorded digest {digest}; later pulls are verified against it")
    return target
