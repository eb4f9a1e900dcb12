"""``https://``: resumable downloads with retries, back-off and timeouts."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import aimkit
from aimkit import console
from aimkit.errors import AimkitError
from aimkit.redact import redact_urls, remember
from aimkit.storage import fill_url
from aimkit.zoo.sources import Counter, FetchJob, megabytes


@dataclass
class Policy:
    """When to retry and when to give up.

    Attributes:
        attempts: Number of failures in a row, without progress, before giving up.
        wait: Seconds before the second attempt; doubled after each.
        longest: Maximum seconds between attempts, even if the server asks for more.
        timeout: Seconds without data before an attempt fails.
    """

    attempts: int = 5
    wait: float = 1.0
    longest: float = 60.0
    timeout: float = 30.0


policy = Policy()
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class _Passing(Exception):
    """A failure that a retry may solve."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


def fetch(job: FetchJob) -> None:
    """Fetch a file, resuming ``job.part``."""
    download(fill_url(job.source, job.id and f"zoo entry {job.id}, sources"), job)


def download(url: str, job: FetchJob, headers: Mapping[str, str] | None = None) -> None:
    """Fetch a URL into ``job.part``, retrying as the policy allows.

    Raises:
        AimkitError: The server refuses, keeps failing, or does not send the file.
    """
    failures = 0
    while True:
        before = _size(job.part)
        try:
            return _attempt(url, job, dict(headers or {}))
        except _Passing as problem:
            failures = 1 if _size(job.part) > before else failures + 1
            if failures >= policy.attempts:
                what = f"{problem}; gave up after {failures} attempts"
                raise AimkitError(what, url, "try again later; the download will resume", exit_code=1) from None
            pause = min(max(policy.wait * 2 ** (failures - 1), problem.wait), policy.longest)
            console.detail(f"{url}: {problem}; retrying in {pause:.1f} s")
            time.sleep(pause)


def read_json(url: str, headers: Mapping[str, str]) -> Any:
    """Read a small JSON document.

    Raises:
        AimkitError: The document can't be read.
    """
    try:
        with _open(url, dict(headers)) as answer:
            return json.loads(answer.read(64 * 2**20))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise AimkitError(f"can't read the index: {error}", url, exit_code=1) from None


def _attempt(url: str, job: FetchJob, headers: dict[str, str]) -> None:
    notes = job.part.with_name(job.part.name + ".json")
    start, validator = _size(job.part), _validator(notes, url)
    # Without a validator or a digest, a file that has changed since would go unnoticed: start over.
    if start and (validator or job.known):
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": validator} if validator else {})
    else:
        start = 0
    try:
        with _open(url, headers) as answer:
            if answer.status == 206 and not _range_starts(answer, start):
                job.part.unlink(missing_ok=True)
                raise _Passing("the server sent a different range than requested")
            start = start if answer.status == 206 else 0
            total = _total(answer, start)
            _check(answer, url)
            if total is not None:
                job.check_size(total)
                _check_space(job.part, total - start)
            _remember(notes, url, answer)
            _receive(answer, job, start, total)
    except urllib.error.HTTPError as error:
        with error:
            _refused(error, url, job)
            return
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            what = f"can't verify the server's certificate: {error.reason.verify_message}"
            raise AimkitError(what, url, "check whether a proxy replaces certificates", exit_code=1) from None
        raise _Passing(f"no connection: {error.reason}") from None
    except TimeoutError:
        raise _Passing(f"no response for {policy.timeout:g} s") from None
    except (ConnectionError, http.client.HTTPException) as error:
        raise _Passing(f"the connection broke: {type(error).__name__}") from None
    notes.unlink(missing_ok=True)


def _open(url: str, headers: dict[str, str]) -> Any:
    agent = {"User-Agent": f"aimkit/{aimkit.__version__}", "Accept-Encoding": "identity"}
    remember(url)
    parts = urlsplit(url)
    info, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)), headers=agent | headers)
    if info:
        # urllib does not know user info. A redirect may lead to another host, which must not get it.
        token = base64.b64encode(unquote(info).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return urllib.request.build_opener(_Redirects).open(request, timeout=policy.timeout)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise AimkitError("the server redirects to an unencrypted address", newurl, exit_code=1)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _receive(answer: Any, job: FetchJob, start: int, total: int | None) -> None:
    label = f"pull {job.id}" if job.id else "pull"
    with job.part.open("r+b" if start else "wb") as file, console.progress(megabytes(total), label, "MB") as bar:
        file.truncate(start)
        file.seek(start)
        counter, size = Counter(bar, start), start
        try:
            # read1 returns what has arrived; read would wait for a full block and lose it if the connection breaks.
            while block := answer.read1(1 << 18):
                size += len(block)
                if size > job.limit or (total is not None and size > total):
                    most = min(total or job.limit, job.limit)
                    raise AimkitError(f"the server sends more than {most:,} bytes", job.source, exit_code=1)
                file.write(block)
                counter.add(len(block))
        except http.client.IncompleteRead:
            raise _Passing("the connection ended early") from None
        finally:
            file.flush()
            os.fsync(file.fileno())
    if total is not None and size < total:
        raise _Passing(f"the connection ended early, after {size:,} of {total:,} bytes")


def _check(answer: Any, url: str) -> None:
    if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise AimkitError("the server answered with a web page instead of the file", url, exit_code=1)
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise AimkitError("the server compresses the file, so the download can't resume", url, exit_code=1)


def _check_space(part: Path, needed: int) -> None:
    import shutil

    free = shutil.disk_usage(part.parent).free
    if free < needed:
        what = f"not enough disk space: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed"
        raise AimkitError(what, str(part.parent), "free some space, or set AIMKIT_HOME", exit_code=1)


def _refused(error: urllib.error.HTTPError, url: str, job: FetchJob) -> None:
    """Raise the error that an HTTP status stands for; return if the part is already complete."""
    if error.code == 416:
        size = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        if size and int(size[1]) == _size(job.part):
            return
        job.part.unlink(missing_ok=True)
        raise _Passing("the file on the server has changed")
    if error.code in _PASSING:
        after = error.headers.get("Retry-After", "")
        raise _Passing(f"the server answered {error.code} {error.reason}", float(after) if after.isdigit() else 0.0)
    raise AimkitError(f"the server answered {error.code} {error.reason}", url, exit_code=1) from None


def _range_starts(answer: Any, start: int) -> bool:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == start


def _total(answer: Any, start: int) -> int | None:
    length = answer.headers.get("Content-Length", "")
    return int(length) + start if length.isdigit() else None


def _remember(notes: Path, url: str, answer: Any) -> None:
    """Keep a validator that tells later whether the file has changed; weak tags do not."""
    tag = answer.headers.get("ETag", "")
    validator = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
    if validator:
        notes.write_text(json.dumps({"url": redact_urls(url), "validator": validator}))
    else:
        notes.unlink(missing_ok=True)


def _validator(notes: Path, url: str) -> str:
    try:
        kept = json.loads(notes.read_text())
        return str(kept["validator"]) if kept["url"] == redact_urls(url) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
