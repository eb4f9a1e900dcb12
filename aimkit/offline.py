"""Whether network access is allowed, and whether the network answers.

Clients of hubs retry for a minute and more and print a line each time. So they are called only once a host has answered
one request, and never with ``AIMKIT_OFFLINE=1``.
"""

from __future__ import annotations

import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from aimkit.errors import AimkitError

#: Seconds that a host may take for its first answer.
TIMEOUT = 10.0


def switched_on(name: str) -> bool:
    """Whether an environment variable is 1, true, yes or on."""
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on")


def is_offline() -> bool:
    """Whether the user forbids the network: ``AIMKIT_OFFLINE``, or ``HF_HUB_OFFLINE`` of the hub's client."""
    return switched_on("AIMKIT_OFFLINE") or switched_on("HF_HUB_OFFLINE")


def hub() -> str:
    """The address of the Hugging Face hub, or of the mirror that ``HF_ENDPOINT`` names."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def check_reachable(url: str, what: str, hint: str = "", *, verb: str = "fetch") -> None:
    """Ask the host of a URL once; any answer of it will do.

    Args:
        url: The URL.
        what: What is wanted from it, for the error.
        hint: How to do without.
        verb: What is done with it, for the error.

    Raises:
        AimkitError: The user forbids the network, or the host does not answer.
    """
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if is_offline():
        name = "AIMKIT_OFFLINE" if switched_on("AIMKIT_OFFLINE") else "HF_HUB_OFFLINE"
        raise AimkitError(f"can't {verb} {what}: {name} is set", host, hint, exit_code=1)
    try:
        with urllib.request.urlopen(urllib.request.Request(host, method="HEAD"), timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        what = f"can't {verb} {what}: no connection ({str(reason)[:120]})"
        raise AimkitError(what, host, hint, exit_code=1) from None


@contextmanager
def hub_client_offline() -> Iterator[None]:
    """Let the hub's client, and ``datasets`` where it is in use, read their caches alone."""
    from huggingface_hub import constants

    # datasets keeps a copy of the switch.
    places: list[Any] = [constants, *filter(None, [sys.modules.get("datasets.config")])]
    before = [place.HF_HUB_OFFLINE for place in places]
    for place in places:
        place.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = value
