"""The model card of an entry: facts, licences, results and use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aimkit.licences import hub_licence
from aimkit.markdown import escape, fenced, front_matter, paragraphs, table
from aimkit.redact import redact_urls
from aimkit.zoo.manifest import TrainingSet, ZooEntry

YES = {True: "yes", False: "no", None: "not stated"}


def card(entry: ZooEntry, repo: str) -> str:
    """Write the README.md of a repository on the hub, with the hub's front matter."""
    parts = [
        front_matter(metadata(entry)),
        f"# {escape(entry.id)}",
        _about(entry),
        _use(entry, repo),
        _data(entry.data),
        _results(entry),
    ]
    if entry.notes:
        parts.append(f"## Notes\n\n{paragraphs(entry.notes)}")
    return redact_urls("\n\n".join(part for part in parts if part) + "\n")


def metadata(entry: ZooEntry) -> dict[str, Any]:
    """The front matter of a card: what the hub shows beside it, metrics included."""
    from huggingface_hub import EvalResult, ModelCardData

    licence = hub_licence(entry.licence)
    results = [
        EvalResult(
            task_type="image-segmentation",
            task_name="Image matting",
            dataset_type=metric.test_set,
            dataset_name=metric.test_set,
            # Results of two protocols are not two values of one metric.
            dataset_config=f"{metric.protocol} ({metric.origin})",
            metric_type=name,
            metric_value=value,
            source_url=entry.paper,
            source_name=metric.origin if entry.paper else None,
        )
        for metric in entry.metrics
        for name, value in metric.values.items()
    ]
    data = ModelCardData(
        library_name="aimkit",
        pipeline_tag="image-segmentation",
        license=licence,
        license_name=entry.licence if licence == "other" else None,
        tags=["image-matting", "alpha-matte", entry.stage],
        base_model=entry.init if entry.init and "/" in entry.init else None,
        model_name=entry.id,
        eval_results=results or None,
    )
    found: dict[str, Any] = data.to_dict()  # type: ignore[no-untyped-call]
    found.pop("model_name", None)
    return found


def _about(entry: ZooEntry) -> str:
    rows = [
        ("network", entry.architecture or "a backbone alone"),
        ("backbone", entry.backbone),
        ("stage", entry.stage),
        ("started from", entry.init or "fresh weights, or not stated"),
        ("licence of the weights", entry.licence),
        ("commercial use, weights and data", YES[entry.commercial]),
        ("SHA-256", entry.sha256 or "unknown"),
        ("recipe", f"{entry.recipe or ''} {(entry.recipe_digest or '')[:12]}".strip()),
        ("paper", entry.paper or ""),
    ]
    return table(("", ""), [row for row in rows if row[1]])


def _use(entry: ZooEntry, repo: str) -> str:
    if entry.architecture:
        call = "from aimkit.models.base import MattingModel\n\n"
        call += f"model = MattingModel.from_pretrained({json.dumps(repo)}).eval()"
    else:
        call = f'import aimkit\n\nmodel = aimkit.create_model("aimnet", backbone={json.dumps(entry.backbone)},\n'
        call += '                            backbone_weights="model.safetensors")'
    text = f"## Use\n\n{fenced(call, 'python')}"
    if entry.onnx is not None:
        files = f"{escape(entry.id)}.onnx and {escape(entry.id)}.safetensors"
        text += f"\n\nWithout PyTorch: download {files} into one folder; the first reads its weights from the second."
    return text


def _data(data: tuple[TrainingSet, ...]) -> str:
    if not data:
        return "## Training data\n\nNot stated."
    rows = [(*row[:3], str(row[3] or "")) for row in grouped(data)]
    parts = ["## Training data", table(("set", "licence", "commercial use", "images"), rows)]
    # Licences such as CC-BY ask for the names.
    authors = [(d.name, d.licence, d.origin) for d in data if d.origin]
    if authors:
        parts += ["Authors and origins:", table(("set", "licence", "author or origin"), authors)]
    return "\n\n".join(parts)


def grouped(data: Sequence[TrainingSet]) -> list[tuple[str, str, str, int | None]]:
    """Rows of name, licence, commercial use and number of images; the rows of several authors are added up."""
    images: dict[tuple[str, str, str], list[int]] = {}
    for one in data:
        counts = images.setdefault((one.name, one.licence, YES[one.commercial]), [])
        counts += [one.images] if one.images else []
    return [(*key, sum(counts) or None) for key, counts in images.items()]


def _results(entry: ZooEntry) -> str:
    lines = []
    for metric in entry.metrics:
        rows = [(name, f"{value:g}") for name, value in metric.values.items()]
        about = f"{escape(metric.test_set)} ({escape(metric.origin)}). Protocol: {escape(metric.protocol)}."
        lines.append(f"{about}\n\n{table(('metric', 'value'), rows)}")
    return "## Results\n\n" + "\n\n".join(lines) if lines else ""
