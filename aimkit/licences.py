"""Licences as the Hugging Face hub names them."""

from __future__ import annotations

from collections.abc import Iterable

_KNOWN = frozenset(
    {"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "unlicense", "cc0-1.0", "cc-by-3.0", "cc-by-4.0"}
    | {"cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0"}
)


def hub_licence(licence: str) -> str:
    """The hub's identifier of a licence, or "other"."""
    text = licence.strip().lower()
    # The hub does not tell the ports of a licence to a law apart from it.
    text = text.removesuffix("-us") if text.startswith("cc-by-3.0") else text
    return text if text in _KNOWN else "other"


def hub_licences(licences: Iterable[str]) -> list[str]:
    """The hub's identifiers of the licences of a dataset's sources, sorted; none unless every one has an identifier."""
    found = sorted({hub_licence(one) for one in licences})
    return [] if "other" in found else found
