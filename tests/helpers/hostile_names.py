"""Names from elsewhere that try to be more than names, and the result of an evaluation that is full of them."""

from __future__ import annotations

import re
from typing import Any

NAMES = (
    "[red]alert[/red]",
    "[link=file:///etc/passwd]x[/link]",
    ":skull: :red_car:",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "over\rwritten",
    "two\nlines: true",
    "tab\tbed",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></pre><svg onload=alert(1)>",
    "&lt;b&gt;",
    "| a | b",
    "--- \nlicense: mit",
    "\n---\nlicense: mit\n---",
    "```\n<script>alert(1)</script>\n```",
    "[click](javascript:alert(1))",
    "![x](http://127.0.0.1:9/x.png)",
    "# heading",
    "*bold* __bold__ ~~gone~~ `code`",
    "_bold_ a_b_c ~gone~ _(x)_ ___",
    "\\| \\",
    "${HOME}",
    "{escape} %s {0}",
    "\u202egnp.exe",
    "zero\u200bwidth\u2028line",
    "\udcff\udc80 not UTF-8",
    "null",
    "yes",
    "@!*&: - ?",
    "# not a comment",
)
HOSTILE = "  ".join(NAMES)
#: What no output may hold as it is.
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202a-\u202e\ud800-\udfff]")


def evaluation_result() -> dict[str, Any]:
    """What an evaluation of hostile names returns."""
    values = dict.fromkeys(
        f"{metric}{part}" for metric in ("sad", "mse", "mad", "conn", "grad") for part in ("", "_transition")
    )
    values = dict.fromkeys(values, 1.5) | {"sad_fg": 1.0, "sad_bg": 1.0}
    images = [
        {"id": name, "type": "SO", "category": name, "width": 8, "height": 8, **values}
        for name in dict.fromkeys((*NAMES, HOSTILE))
    ]
    means = {"images": {"count": len(images), **values}, "types": {HOSTILE: {"count": 1, **values}}}
    means |= {"categories": {name: {"count": 1, **values} for name in NAMES}}
    means |= {"type_macro": values, "category_macro": values}
    return {
        "model": {"title": HOSTILE, "name": HOSTILE, HOSTILE: HOSTILE, "weights": HOSTILE},
        "protocol": {"text": HOSTILE, "prediction": HOSTILE, "data": HOSTILE},
        "images": images,
        "averages": means,
        "notes": [HOSTILE, *NAMES],
    }
