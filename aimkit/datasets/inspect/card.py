"""The files of a finished dataset beside its samples: the card, the contact sheet, the format's index."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from aimkit.datasets.inspect import stats
from aimkit.datasets.inspect.sheet import contact_sheet, encode_png, pick
from aimkit.datasets.lock import NAME
from aimkit.datasets.reader import Dataset, open_dataset
from aimkit.datasets.writers import formats
from aimkit.datasets.writers.files import write_whole
from aimkit.datasets.writers.shard import read_sidecar
from aimkit.licences import hub_licences
from aimkit.markdown import fenced, front_matter, table
from aimkit.redact import redact
from aimkit.storage import Place

SHEET = "sheet.png"
#: Samples of each type on the contact sheet.
SHEET_ROWS = 2
CARD = "README.md"

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_COLUMNS = {
    "image": "the composite, RGB",
    "alpha": "alpha matte, 8 bit",
    "trimap": "trimap of the alpha: 0 background, 128 unknown, 255 foreground",
    "label": "generalized trimap: trimap (SO), duomap (STM) or unimap (NS), the same values",
    "foreground": "foreground colours, straight, RGB",
    "background": "background, RGB",
    "type": "SO salient opaque, STM salient transparent or meticulous, NS non-salient",
    "category": "what the foreground shows",
    "meta": "provenance, JSON text: sources with licences, every operation with its drawn parameters",
}


def finish(root: Place, temporary: Path) -> None:
    """Write the files of a dataset whose shards are all finished; the bytes do not depend on who writes them.

    Args:
        root: The dataset's folder.
        temporary: Folder for unfinished files; on the same file system unless the dataset is behind a URL.
    """
    dataset = open_dataset(root)
    for name, chunks in formats.get(dataset.format).value.finish(root, dataset.shards).items():
        write_whole(root / name, chunks, temporary)
    write_whole(root / SHEET, [encode_png(contact_sheet(pick(dataset, SHEET_ROWS)))], temporary)
    write_whole(root / CARD, [card(dataset).encode()], temporary)


def card(dataset: Dataset, head: Mapping[str, Any] | None = None) -> str:
    """The dataset card: Markdown with Hugging Face's YAML header.

    Args:
        dataset: The dataset.
        head: The header; that of :func:`metadata` by default.
    """
    sums = stats.total(dataset.sidecars())
    types, output = sums["types"], dataset.recipe["output"]
    quarantined = [entry for sidecar in dataset.sidecars() for entry in sidecar["quarantined"]]
    image = "PNG" if output["image"] == "png" else f"JPEG, quality {output['quality']}, 4:4:4"
    columns = [name for name in _COLUMNS if output["planes"] or name not in ("foreground", "background")]
    count = len(dataset)
    lock = (dataset.root / NAME).read_text(encoding="utf-8").rstrip()
    parts = [
        front_matter(metadata(dataset) if head is None else head) + "\n",
        "# Image matting composites\n",
        f"{count} composites with alpha mattes and labels, made by aimkit from the recipe below "
        f"(digest `{dataset.remarks['digest'][:16]}`). "
        f"Composites are {image}; alpha mattes and labels are lossless PNG.\n",
        f"![Some samples: composite, alpha, label, cut-out on green]({SHEET})\n",
        "```python\nfrom datasets import load_dataset\n\n"
        'dataset = load_dataset("PATH_TO_THIS_FOLDER", split="train")\n```\n',
        "## Columns\n",
        _block(["column", "content"], [[name, _COLUMNS[name]] for name in columns]),
        "## Types\n",
        _block(list(stats.COLUMNS), stats.rows(types)),
        "## Categories\n",
        _block(["category", "samples"], [[k or "(none)", v] for k, v in stats.counts(types, "categories").items()]),
        "## Sources and licences\n",
        "How often each source was used; a sample may use several, or one twice.\n",
        _block(
            ["role", "source", "licence", "origin", "uses"],
            [[r, s, lic or "not stated", o, n] for r, s, lic, o, n in stats.source_rows(sums["sources"])],
        ),
    ]
    if quarantined:
        shown = [[e["index"], e.get("role", ""), e.get("id", ""), e.get("error", "")] for e in quarantined[:50]]
        parts += [
            "## Set aside\n",
            f"{len(quarantined)} source images could not be read; others were used instead.\n",
            _block(["sample", "role", "image", "why"], shown),
        ]
    parts += ["## Recipe\n", fenced(lock, "toml") + "\n"]
    return redact("\n".join(parts))


def _block(columns: list[str], rows: list[list[Any]]) -> str:
    return table(columns, rows) + "\n"


def metadata(dataset: Dataset) -> dict[str, Any]:
    """The header of the card: what the hub shows beside it, and how ``datasets`` reads the files.

    It names licences only if every source states one that the hub knows.
    """
    size = next((name for limit, name in _SIZES if len(dataset) < limit), "n>1M")
    format_ = formats.get(dataset.format).value
    files = {entry["path"] for entry in read_sidecar(dataset.root, dataset.shards[0])["files"]}
    files |= format_.finish(dataset.root, []).keys()
    # The loader raises an error for a pattern that matches nothing.
    there = [pattern for pattern in format_.data_files if any(fnmatchcase(name, pattern) for name in files)]
    sources = stats.source_rows(stats.total(dataset.sidecars())["sources"])
    licences = hub_licences(licence for _, _, licence, _, _ in sources)
    return {
        "pretty_name": "Image matting composites",
        **({"license": licences} if licences else {}),
        "task_categories": ["image-segmentation"],
        "tags": ["image-matting", "synthetic", "aimkit"],
        "size_categories": [size],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": there}]}],
    }
