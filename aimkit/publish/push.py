"""Publish an entry on the Hugging Face hub, with its model card."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aimkit.models.hub import config_text
from aimkit.models.weights import declared
from aimkit.paths import inside
from aimkit.publish.add import write
from aimkit.publish.card import card
from aimkit.publish.convert import convert
from aimkit.publish.hub import send
from aimkit.redact import redact_urls
from aimkit.zoo import fetch
from aimkit.zoo.manifest import ZooEntry, own_folders
from aimkit.zoo.onnx_file import onnx_path


def push(entry: ZooEntry, repo: str, *, private: bool = False) -> str:
    """Upload weights (as safetensors), ``config.json``, the recipe and a model card; the card comes last.

    An entry with an ONNX file has it uploaded too, with the weights under the name that it refers to.

    Args:
        entry: The entry; it is pulled first if it is not cached.
        repo: Name of the repository, ``ORG/NAME``.
        private: Make a new repository private.

    Returns:
        The source of the uploaded file, ``hf://ORG/NAME@COMMIT/model.safetensors``. It is also added to the sources of
        an entry of your own.

    Raises:
        AimkitError: There is no connection, or the hub refused.
    """
    path = fetch.path(entry)
    graph = onnx_path(entry)
    with tempfile.TemporaryDirectory() as folder:
        same = path.suffix == ".safetensors"
        if not same:
            path, original = Path(folder) / "model.safetensors", path
            convert(original, path, build=declared.of_entry(entry))
        files: dict[str, Path | bytes] = {
            "config.json": config(entry),
            "README.md": card(entry, repo).encode(),
        }
        if graph is not None:
            # The graph names the file of its weights, which must lie beside it. The hub stores equal files once.
            files |= {graph.name: graph, path.name: path}
        recipe = inside(entry.file.parent, entry.recipe, entry.file) if entry.file and entry.recipe else None
        if recipe is not None and recipe.is_file():
            files["recipe.toml"] = redact_urls(recipe.read_text(encoding="utf-8")).encode()
        message = f"{entry.id} {(entry.sha256 or '')[:12]}".strip()
        commit = send(repo, {"model.safetensors": path}, files, message=message, private=private)
    place = f"hf://{repo}@{commit}"
    source = f"{place}/model.safetensors"
    # A converted file has another digest than the entry, so it can't be one of its sources.
    if same and entry.file and entry.file.parent in own_folders() and entry.file.stem == entry.id:
        more: dict[str, object] = {"sources": (*entry.sources, source)}
        if entry.onnx is not None and graph is not None:
            sources = (*entry.onnx.sources, f"{place}/{graph.name}")
            more["onnx"] = entry.onnx.model_copy(update={"sources": sources})
        write(entry.model_copy(update=more), entry.file)
    return source


def config(entry: ZooEntry) -> bytes:
    """Write ``config.json``, from which ``from_pretrained`` builds the network."""
    build = {"name": entry.architecture} if entry.architecture else {}
    return config_text({**build, "backbone": entry.backbone, **entry.options}).encode()
