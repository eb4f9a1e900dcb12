"""Secrets are masked in everything that is stored or shown: credentials in URLs, and values of secret variables.

:func:`redact_urls` depends on the text alone, so what it stores is the same on every machine: recipes, provenance,
cards. :func:`redact` also masks the values of environment variables whose names look secret, and the credentials of
every URL that this process opened, which a store's messages repeat in forms of their own: messages, errors, logs.

``${NAME}`` is no secret: it stays, so that a stored recipe can be run again.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any

MASK = "***"

#: Shorter values are words too often.
_SHORTEST = 8

_SECRET_NAME = re.compile(
    r"(?i)secret|password|passwd|passphrase|credential|signature"
    r"|(?:key|token|_pass)s?(?:_?id)?$"
)
#: Names in query strings that do not say so: signatures, and Azure's signed expiry, permissions and version.
_PARAMETERS = {"sig", "se", "sp", "sv", "auth", "authorization", "pwd", "googleaccessid"}
_VARIABLE = re.compile(r"\$\{\w+\}")

#: Kinds of URLs whose part before the @ is a container, which is no secret.
_CONTAINERS = ("abfs", "abfss", "wasb", "wasbs")
# "s3://a" becomes "s3:/a" when something takes it for a local path. The lookbehind keeps long words linear.
_SCHEME = r"(?<![A-Za-z0-9+.\-])(?P<kind>[A-Za-z][A-Za-z0-9+.\-]{1,20}):(?P<slashes>/{1,3})"
_USER_INFO = re.compile(_SCHEME + r"""(?P<info>[^\s/?\#"'<>]*)@""")
#: Secrets of object stores may hold slashes, which elsewhere end the host. A number after the colon is a port.
_STORE_INFO = re.compile(
    _SCHEME.replace("(?P<kind>", "(?P<kind>(?!https?:|ftps?:|wss?:)")
    + r"""(?P<info>[^\s/@:"'<>]+:(?!\d{1,5}/)[^\s@"'<>]+)@"""
)
_QUERY = re.compile(r"""((?:[?&\#;]|&amp;)([\w.-]+)=)([^\s&\#"'<>;]+)""")
_HEADER = re.compile(
    r"""(?ix) (\bauthorization["']?\s*[:=]\s*["']?)
              ((?:bearer|basic|token|digest|negotiate|aws4-hmac-sha256)\s+[^\r\n"']+ | [^\s"']{16,})
            | (\bbearer\s+)([\w.~+/=-]{16,})"""
)

#: Credentials of the URLs that this process opened.
_known: set[str] = set()
#: Names of the variables that were filled into paths.
_filled: set[str] = set()


def redact(text: str) -> str:
    """A text for people, without secrets; applied twice it is the same."""
    text = redact_urls(text)
    if len(text) < _SHORTEST:  # Most cells of a table: too short to hold a secret.
        return text
    for secret in sorted(_values(), key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def redact_urls(text: str) -> str:
    """A text without user info, tokens and signatures in URLs and headers; the same on every machine."""
    if "@" in text:
        text = _STORE_INFO.sub(_without_info, _USER_INFO.sub(_without_info, text))
    if "=" in text:
        text = _QUERY.sub(_without_value, text)
    if "authorization" in (lower := text.lower()) or "bearer" in lower:
        text = _HEADER.sub(lambda match: (match[1] or match[3]) + MASK, text)
    return text


def redact_all(value: Any) -> Any:
    """Plain data with :func:`redact_urls` applied to every text in it."""
    if isinstance(value, str):
        return redact_urls(value)
    if isinstance(value, dict):
        return {key: redact_all(part) for key, part in value.items()}
    if isinstance(value, list):
        return [redact_all(part) for part in value]
    return value


def remember(url: str) -> None:
    """Mask the credentials of a URL wherever they turn up, with their URL or without."""
    match = (_USER_INFO.search(url) or _STORE_INFO.search(url)) if "@" in url else None
    if match is None or match["kind"] in _CONTAINERS:
        return
    parts = [part for part in match["info"].split(":", 1) if part != MASK and not _VARIABLE.fullmatch(part)]
    _known.update(part for part in [match["info"] + "@", *parts] if parts and len(part) >= _SHORTEST)


def remember_variable(name: str) -> None:
    """Show an environment variable by its name in errors, whatever its value."""
    _filled.add(name)


def redact_error(text: str) -> str:
    """A part of an error: as :func:`redact`, with ``${NAME}`` for the values of variables that were filled into paths.

    A recipe from elsewhere may put any variable into a path, and errors end in logs and bug reports.
    """
    text = redact(text)
    for name in sorted(_filled):
        value = os.environ.get(name, "")
        if len(value) >= _SHORTEST and value in text:
            text = text.replace(value, f"${{{name}}}")
    return text


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Whether a name is that of a key, token, secret, password or of credentials."""
    return _SECRET_NAME.search(name) is not None


def _values() -> set[str]:
    found = {os.environ[name] for name in os.environ if looks_secret(name)}
    return _known | {value for value in found if len(value) >= _SHORTEST}


def _without_info(match: re.Match[str]) -> str:
    info = match["info"]
    if match["kind"] in _CONTAINERS and ":" not in info:
        return match[0]
    parts = [part if not part or _VARIABLE.fullmatch(part) else MASK for part in info.split(":", 1)]
    return f"{match['kind']}:{match['slashes']}{':'.join(parts)}@"


def _without_value(match: re.Match[str]) -> str:
    name = match[2].lower()
    secret = name in _PARAMETERS or name.startswith(("x-amz-", "x-goog-")) or looks_secret(name)
    return match[1] + MASK if secret and not _VARIABLE.fullmatch(match[3]) else match[0]
