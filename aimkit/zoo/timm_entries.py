"""``timm:NAME`` and ``timm:NAME.TAG``: backbones of timm, resolved offline through timm's own configurations.

The cache keeps the list of all entries for each version of timm, since importing timm takes seconds.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from typing import Any

from aimkit import console
from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.registry import did_you_mean
from aimkit.zoo.manifest import PreprocessingTable, TrainingSet, ZooEntry

_IMAGENET = TrainingSet(
    name="ImageNet", licence="ImageNet terms of access: non-commercial research and education", commercial=False
)
#: Parts of tags that stand for ImageNet.
_IMAGENET_TAGS = re.compile(r"(^|_)(in1k|in12k|in21k|in22k)(_|$)")


def timm_entries() -> list[ZooEntry]:
    """List the pretrained weights of the installed timm, sorted by id; the first call imports timm."""
    file = cache_folder("zoo-timm") / f"timm-{importlib.metadata.version('timm')}.json"
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        rows = _configurations()
        try:
            write_bytes(file, json.dumps(rows).encode())
        except AimkitError as error:
            console.detail(f"timm's list of weights is not cached: {error.what}")
    return [_entry(row) for row in rows]


def timm_entry(id: str) -> ZooEntry:
    """The entry of ``timm:NAME`` (with the default tag) or ``timm:NAME.TAG``.

    Raises:
        AimkitError: timm does not have the weights; the hint lists the nearest.
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
            raise AimkitError(f"timm has no pretrained weights for {name}", id, "aimkit zoo ls 'timm:*'")
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


def _entry(row: dict[str, Any]) -> ZooEntry:
    """Build an entry with one source: the hub's file and the original one differ in format, and so in digest."""
    name = row["name"]
    if row["hub"]:
        source = f"hf://{row['hub']}/{row['file'] or 'model.safetensors'}"
    else:
        source = row["url"]
    tag = name.partition(".")[2]
    # Not validated: timm's names and URLs follow timm's grammar, not the manifest's.
    return ZooEntry.model_construct(
        id=f"timm:{name}",
        backbone=name,
        stage="imagenet",
        sources=(source,),
        format="timm",
        licence=row["licence"] or "unknown",
        data=(_IMAGENET,) if _IMAGENET_TAGS.search(tag) else (),
        preprocessing=PreprocessingTable(mean=tuple(row["mean"]), std=tuple(row["std"])),
        paper=row["paper"],
        notes="" if _IMAGENET_TAGS.search(tag) else "training data: see the page of these weights",
        seen=(),
        metrics=(),
    )
