"""The ONNX file of an entry, which predicts without PyTorch.

Its weights are those of the entry's safetensors file, which it refers to by name, so the two lie side by side.
"""

from __future__ import annotations

from pathlib import Path

from aimkit.digests import sha256
from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.offline import switched_on
from aimkit.zoo import store
from aimkit.zoo.fetch import path as weights_path
from aimkit.zoo.manifest import OnnxFile, ZooEntry
from aimkit.zoo.sources import FetchJob, fetch, kind_of
from aimkit.zoo.sources.file import locate


def onnx_path(entry: ZooEntry) -> Path | None:
    """The verified ONNX file of an entry, next to its verified weights; both are fetched if needed.

    Returns:
        The file; None if the entry has none, or its weights are another file of the same tensors.

    Raises:
        AimkitError: The file can't be fetched, or is wrong.
    """
    if entry.onnx is None or entry.sha256 is None or ((record := store.records().get(entry.id)) and record.tensors):
        return None
    weights = weights_path(entry)
    target = weights.with_suffix(".onnx") if weights.suffix == ".safetensors" else None
    if target is None:
        return None
    if not _is_right(target, entry.onnx):
        if weights.parent == (entry.file.parent if entry.file else None):
            raise _wrong(entry, target)
        _pull(entry, entry.onnx, target)
    return target


def _pull(entry: ZooEntry, onnx: OnnxFile, target: Path) -> None:
    with store.lock(f"{entry.id}.onnx"):
        if _is_right(target, onnx):
            return
        failure = AimkitError(f"the ONNX file of {entry.id} has no source", f"zoo entry {entry.id}", exit_code=1)
        offline = switched_on("AIMKIT_OFFLINE")
        for source in onnx.sources:
            part = store.part(entry, source)
            folder = entry.file.parent if entry.file else Path()
            try:
                if offline and kind_of(source) != "file":
                    raise AimkitError("AIMKIT_OFFLINE is set", source, "use --runtime torch")
                fetch(FetchJob(source, part, id=entry.id, known=True, bytes=onnx.bytes, folder=folder))
                if not _is_right(part, onnx):
                    part.unlink(missing_ok=True)
                    raise _wrong(entry, Path(source))
                with replacing(target) as temporary:
                    part.replace(temporary)
                return
            except AimkitError as error:
                failure = error
        raise failure


def _is_right(file: Path, onnx: OnnxFile) -> bool:
    return file.is_file() and file.stat().st_size == onnx.bytes and sha256(file) == onnx.sha256


def _wrong(entry: ZooEntry, file: Path) -> AimkitError:
    hint = "restore the file, or use --runtime torch"
    return AimkitError(f"the ONNX file of {entry.id} is missing or not the published one", str(file), hint, exit_code=1)


def local_problem(entry: ZooEntry) -> str:
    """What is wrong with an ONNX file next to the manifest; "" if nothing is, or it is elsewhere."""
    folder = entry.file.parent if entry.file else Path()
    for source in entry.onnx.sources if entry.onnx else ():
        if kind_of(source) == "file":
            file = locate(source, folder)
            if not file.is_file():
                return f"file '{file}' not found"
            if entry.onnx is not None and not _is_right(file, entry.onnx):
                return f"file '{file}' has another size or digest"
    return ""
