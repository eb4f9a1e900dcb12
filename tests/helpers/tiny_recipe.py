"""A recipe file whose dataset takes a second to write."""

from __future__ import annotations

from pathlib import Path

import tomli_w


def tiny_recipe(folder: Path, form: str) -> Path:
    """Write the recipe of two tiny samples into a folder, in a format of datasets."""
    table = {
        "kind": "synth",
        "seed": 1,
        "count": 2,
        "foregrounds": [{"source": "procedural", "generators": ["toy"]}],
        "backgrounds": [{"source": "procedural", "generators": ["material"]}],
        "placement": {"mode": "canvas", "height": 24, "width": 24},
        "labels": {"kernel": 3},
        "output": {"format": form},
    }
    path = folder / f"{form}.toml"
    path.write_text(tomli_w.dumps(table))
    return path
