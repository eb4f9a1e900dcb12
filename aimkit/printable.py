"""Names from elsewhere as they may be shown: without what moves the cursor, hides text or can't be encoded.

A file may be named ``\\x1b[2J`` (clears the terminal) or hold U+202E (shows what follows from right to left), and a
name that is not UTF-8 has lone surrogates, which no output takes.
"""

from __future__ import annotations

import re

#: Control characters but tab and line feed, separators of lines and paragraphs, marks and overrides of direction,
#: invisible characters, lone surrogates, and tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""A text in which hidden characters are written as ``\u001b``, as JSON and Python write them."""
    return _HIDDEN.sub(_escape, text)


def on_one_line(text: str) -> str:
    r"""The same for a name within a line or a table cell: tabs and line breaks are written as ``\t`` and ``\n`` too."""
    return printable(text).replace("\t", r"\t").replace("\n", r"\n")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
