"""Write the ONNX file of a zoo entry, so that it predicts without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimkit.digests import sha256
from aimkit.errors import AimkitError
from aimkit.models.export import export
from aimkit.models.weights.declared import load_network
from aimkit.publish.add import write
from aimkit.zoo.manifest import OnnxFile, ZooEntry


def add_onnx(entry: ZooEntry) -> ZooEntry:
    """Export the network of an entry next to its weights, and note the file in its manifest.

    The file's weights are those of the entry's safetensors file, so it is small; the two must lie side by side. It is
    checked against the network within 1e-4.

    Args:
        entry: An entry of a folder of manifests, whose safetensors file lies beside its manifest.

    Returns:
        The entry with its ONNX file.

    Raises:
        AimkitError: The weights do not lie beside the manifest, or the network can't be exported.
    """
    weights = entry.file.parent / f"{entry.id}.safetensors" if entry.file else None
    if entry.file is None or weights is None or not weights.is_file() or sha256(weights) != entry.sha256:
        what, hint = "the weights of the entry are not next to its manifest", "'aimkit zoo add' puts them there"
        raise AimkitError(what, entry.id, hint)
    target = weights.with_suffix(".onnx")
    network, reference = (load_network(weights)[0] for _ in range(2))
    export(network, target, "onnx", reference=reference, weights=weights)
    found = OnnxFile(
        sources=(f"file:{target.name}",),
        sha256=sha256(target),
        bytes=target.stat().st_size,
        opset=opset(target),
    )
    done = entry.model_copy(update={"onnx": found})
    write(done, entry.file)
    return done


def opset(path: Path) -> int:
    """The version of the ONNX operators that a file uses."""
    import onnx

    model: Any = onnx.load(path, load_external_data=False)
    return int(next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx")))
