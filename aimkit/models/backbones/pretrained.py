"""timm's pretrained weights: from its caches without network access, else from the network after one try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import timm
import torch

from aimkit.offline import check_reachable, hub, hub_client_offline

_HINT = "give the weights as a file: backbone_weights=FILE in Python, or a zoo id (aimkit zoo ls 'timm:*')"
#: Names of weights in repositories of the hub, as timm looks for them.
_FILES = ("model.safetensors", "pytorch_model.bin")


@contextmanager
def one_try(name: str) -> Iterator[None]:
    """A block in which timm may load pretrained weights.

    Args:
        name: timm's name, with or without a tag.

    Raises:
        AimkitError: They are not cached, and the network is forbidden or does not answer.
    """
    found = timm.get_pretrained_cfg(name)
    if found is None or not (found.hf_hub_id or found.url):
        yield  # timm says that it has none
    elif found.hf_hub_id and _in_hub_cache(str(found.hf_hub_id), found.hf_hub_filename):
        with hub_client_offline():
            yield
    elif not found.hf_hub_id and _in_torch_cache(str(found.url)):
        yield
    else:
        check_reachable(hub() if found.hf_hub_id else str(found.url), f"the pretrained weights of {name}", _HINT)
        yield


def _in_hub_cache(repository: str, file: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = repository.partition("@")
    names = (file,) if file else _FILES
    return any(isinstance(try_to_load_from_cache(repository, name, revision=revision or None), str) for name in names)


def _in_torch_cache(url: str) -> bool:
    return (Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name).is_file()
