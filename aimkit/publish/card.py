"""The model card of an entry: facts, licences, results and use."""

from __future__ import annotations

from collections.abc import Sequence

from aimkit.zoo.manifest import TrainingSet, ZooEntry

#: Identifiers of licences on the hub.
_HUB = {"mit", "apache-2.0", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0"}
YES = {True: "yes", False: "no", None: "not stated"}


def card(entry: ZooEntry, repo: str) -> str:
    """Write the README.md of a repository on the hub, with the hub's front matter."""
    licence = entry.licence.lower() if entry.licence.lower() in _HUB else "other"
    head = ["---", "library_name: aimkit", "pipeline_tag: image-segmentation", f"license: {licence}"]
    head += [f"license_name: {_quoted(entry.licence)}"] if licence == "other" else []
    head += ["tags:", "- image-matting", "- alpha-matte", f"- {entry.stage}"]
    head += [f"base_model: {entry.init}"] if entry.init and "/" in entry.init else []
    parts = [
        "\n".join([*head, "---"]),
        f"# {entry.id}",
        _about(entry),
        _use(entry, repo),
        _data(entry.data),
        _results(entry),
    ]
    if entry.notes:
        parts.append(f"## Notes\n\n{entry.notes}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(entry: ZooEntry) -> str:
    rows = [
        ("network", entry.architecture or "a backbone alone"),
        ("backbone", entry.backbone),
        ("stage", entry.stage),
        ("started from", entry.init or "fresh weights, or not stated"),
        ("licence of the weights", entry.licence),
        ("commercial use, weights and data", YES[entry.commercial]),
        ("SHA-256", f"`{entry.sha256}`" if entry.sha256 else "unknown"),
        ("recipe", f"{entry.recipe or ''} {(entry.recipe_digest or '')[:12]}".strip()),
        ("paper", entry.paper or ""),
    ]
    return _table(("", ""), [row for row in rows if row[1]])


def _use(entry: ZooEntry, repo: str) -> str:
    if entry.architecture:
        call = "from aimkit.models.base import MattingModel\n\n" + f'model = MattingModel.from_pretrained("{repo}")'
        call = f"{call}.eval()"
    else:
        call = f'import aimkit\n\nmodel = aimkit.create_model("aimnet", backbone="{entry.backbone}",\n'
        call += '                            backbone_weights="model.safetensors")'
    return f"## Use\n\n```python\n{call}\n```"


def _data(data: tuple[TrainingSet, ...]) -> str:
    if not data:
        return "## Training data\n\nNot stated."
    rows = [(d.name, d.licence, YES[d.commercial], str(d.images or "")) for d in data]
    return "## Training data\n\n" + _table(("set", "licence", "commercial use", "images"), rows)


def _results(entry: ZooEntry) -> str:
    lines = []
    for metric in entry.metrics:
        rows = [(name, f"{value:g}") for name, value in metric.values.items()]
        lines.append(
            f"{metric.test_set} ({metric.origin}). Protocol: {metric.protocol}.\n\n{_table(('metric', 'value'), rows)}"
        )
    return "## Results\n\n" + "\n\n".join(lines) if lines else ""


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *(tuple(c.replace("|", "\\|") for c in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
