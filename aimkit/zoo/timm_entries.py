"""``timm:NAME`` and ``timm:NAME.TAG``: backbones of timm, resolved through timm's own configurations, offline.

The list of all of them is kept in the cache for each version of timm, since importing timm takes seconds.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from typing import Any

from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.registry import did_you_mean
from aimkit.zoo.manifest import Data, Entry, Preprocessing

_IMAGENET = Data(
    name="ImageNet", licence="ImageNet terms of access: non-commercial research and education", commercial=False
)
#: Parts of tags that say ImageNet was used.
_IMAGENET_TAGS = re.compile(r"(^|_)(in1k|in12k|in21k|in22k)(_|$)")


def timm_entries() -> list[Entry]:
    """All pretrained weights that the installed timm knows, sorted by id; the first call imports timm."""
    file = cache_folder("zoo-timm") / f"timm-{importlib.metadata.version('timm')}.json"
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        rows = _configurations()
        write_bytes(file, json.dumps(rows).encode())
    return [_entry(row) for row in rows]


def timm_entry(id: str) -> Entry:
    """The entry of ``timm:NAME`` (the default tag) or ``timm:NAME.TAG``.

    Raises:
        AimkitError: timm has no such weights; the hint names the nearest.
    """
    name = id.removeprefix("timm:")
    known = {entry.backbone: entry for entry in timm_entries()}
    if name in known:
        return known[name]
    if "." not in name:
        import timm

        default = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
        if default is not None and f"{name}.{default.tag}" in known:
            return known[f"{name}.{default.tag}"]
        if timm.is_model(name):
            raise AimkitError(f"timm has no pretrained weights of {name}", id, "aimkit zoo ls 'timm:*'")
    hint = did_you_mean(name, [n for n in known if n.split(".")[0] == name.split(".")[0]] or known)
    raise AimkitError(f"timm has no weights '{name}'", id, f"{hint} (aimkit zoo ls 'timm:*')")


def _configurations() -> list[dict[str, Any]]:
    import timm

    rows = []
    for name in timm.list_models(pretrained=True):
        found = timm.get_pretrained_cfg(name)
        if found is None or not (found.hf_hub_id or found.url):
            continue
        row = {"name": name, "hub": found.hf_hub_id, "file": found.hf_hub_filename, "url": found.url}
        row |= {"licence": found.license, "mean": found.mean, "std": found.std, "paper": found.origin_url}
        rows.append(row)
    return rows


def _entry(row: dict[str, Any]) -> Entry:
    """One address only: the hub's file and the original one differ in form, so they can't share a digest."""
    name = row["name"]
    if row["hub"]:
        source = f"hf://{row['hub']}/{row['file'] or 'model.safetensors'}"
    else:
        source = row["url"]
    tag = name.partition(".")[2]
    # Taken as it is: timm's names and addresses follow timm's grammar, not the manifest's.
    return Entry.model_construct(
        id=f"timm:{name}",
        backbone=name,
        stage="imagenet",
        sources=(source,),
        format="timm",
        licence=row["licence"] or "unknown",
        data=(_IMAGENET,) if _IMAGENET_TAGS.search(tag) else (),
        preprocessing=Preprocessing(mean=tuple(row["mean"]), std=tuple(row["std"])),
        paper=row["paper"],
        notes="" if _IMAGENET_TAGS.search(tag) else "training data: see the page of the weights",
        seen=(),
        metrics=(),
    )
