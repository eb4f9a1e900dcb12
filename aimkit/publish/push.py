"""Publish an entry on the Hugging Face hub, with its model card."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aimkit.errors import AimkitError
from aimkit.models.hub import config_text
from aimkit.models.weights import declared
from aimkit.paths import inside
from aimkit.publish.add import write
from aimkit.publish.card import card
from aimkit.publish.convert import convert
from aimkit.redact import redact_urls
from aimkit.zoo import fetch
from aimkit.zoo.manifest import ZooEntry, own_folders


def push(entry: ZooEntry, repo: str, *, private: bool = False) -> str:
    """Upload weights (as safetensors), ``config.json``, the recipe and a model card in one commit.

    Args:
        entry: The entry; it is pulled first if it is not cached.
        repo: Name of the repository, ``ORG/NAME``.
        private: Make a new repository private.

    Returns:
        The source of the uploaded file, ``hf://ORG/NAME@COMMIT/model.safetensors``. It is also added to the sources of
        an entry of your own.

    Raises:
        AimkitError: The hub refused.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    path = fetch.path(entry)
    with tempfile.TemporaryDirectory() as folder:
        same = path.suffix == ".safetensors"
        if not same:
            path, original = Path(folder) / "model.safetensors", path
            convert(original, path, build=declared.of_entry(entry))
        files: dict[str, Path | bytes] = {
            "model.safetensors": path,
            "config.json": config(entry),
            "README.md": card(entry, repo).encode(),
        }
        recipe = inside(entry.file.parent, entry.recipe, entry.file) if entry.file and entry.recipe else None
        if recipe is not None and recipe.is_file():
            files["recipe.toml"] = redact_urls(recipe.read_text(encoding="utf-8")).encode()
        operations = [CommitOperationAdd(name, str(c) if isinstance(c, Path) else c) for name, c in files.items()]
        try:
            api = HfApi()
            api.create_repo(repo, private=private, exist_ok=True)
            done = api.create_commit(repo, operations, commit_message=f"{entry.id} {(entry.sha256 or '')[:12]}".strip())
        except Exception as error:  # The hub's client raises many kinds.
            reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
            raise AimkitError(f"the hub refused: {reason}", repo, "log in with: hf auth login", exit_code=1) from None
    source = f"hf://{repo}@{done.oid}/model.safetensors"
    # A converted file has another digest than the entry, so it can't be one of its sources.
    if same and entry.file and entry.file.parent in own_folders() and entry.file.stem == entry.id:
        write(entry.model_copy(update={"sources": (*entry.sources, source)}), entry.file)
    return source


def config(entry: ZooEntry) -> bytes:
    """Write ``config.json``, from which ``from_pretrained`` builds the network."""
    build = {"name": entry.architecture} if entry.architecture else {}
    return config_text({**build, "backbone": entry.backbone, **entry.options}).encode()
