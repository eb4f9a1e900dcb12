"""Writes safetensors files: the same tensors and metadata give the same bytes, and the umask decides who may read them.

The library writes metadata in a random order and files that only their owner may read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(tensors: Mapping[str, Tensor], path: Path, about: Mapping[str, str]) -> None:
    """Write a safetensors file; give it the path of :func:`aimkit.files.replacing`.

    Args:
        tensors: The state dict; tensors are contiguous and share no memory.
        path: The file; an existing one is overwritten.
        about: Metadata of the file.

    Raises:
        OSError: The disk is full, or the file can't be written.
    """
    with path.open("wb") as file:
        mode = os.fstat(file.fileno()).st_mode
    try:
        save_file(dict(tensors), path, dict(about))
    except SafetensorError as error:
        found = re.search(r"os error (\d+)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from None
    os.chmod(path, mode & 0o777)
    _sort_metadata(path)


def _sort_metadata(path: Path) -> None:
    """Write the header again with the metadata in the order of its keys; it has the same length."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        about = header.pop("__metadata__", None)
        if about:
            header = {"__metadata__": dict(sorted(about.items()))} | header
            text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
            if len(text) > length:
                raise ValueError(f"the header of {path.name} grew by {len(text) - length} bytes")
            file.seek(8)
            file.write(text.ljust(length))
