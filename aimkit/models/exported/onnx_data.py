"""ONNX files whose weights are a safetensors file beside them, so that the weights are stored once.

Both formats allow it: an ONNX file may name a place in another file as the data of a tensor, and a safetensors file
holds its tensors as plain bytes. float16 tensors are cast to float32 at the start of the graph.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aimkit.types import Array

_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
#: Smaller tensors stay in the ONNX file: a reference takes as much.
_SMALLEST = 64


class _StoredTensor(NamedTuple):
    offset: int
    length: int
    values: Array


def refer(model: Any, weights: Path) -> None:
    """Replace initialisers by references to equal tensors of a safetensors file, in place.

    Args:
        model: An ``onnx.ModelProto`` with its weights inside.
        weights: The safetensors file; the ONNX file must lie beside it.
    """
    from onnx import TensorProto, helper, numpy_helper

    stored = _read(weights)
    graph, casts = model.graph, []
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _SMALLEST:
            continue
        values = numpy_helper.to_array(tensor)
        found = _find(values, tensor.name, stored)
        if found is None:
            continue
        half = found.values.dtype == np.float16
        name = f"{tensor.name}.half" if half else tensor.name
        place = TensorProto(name=name, dims=values.shape, data_location=TensorProto.EXTERNAL)
        place.data_type = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        for key, value in (("location", weights.name), ("offset", found.offset), ("length", found.length)):
            place.external_data.add(key=key, value=str(value))
        graph.initializer.remove(tensor)
        graph.initializer.append(place)
        if half:
            casts.append(
                helper.make_node("Cast", [name], [tensor.name], name=f"cast {tensor.name}", to=TensorProto.FLOAT)
            )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _find(values: Array, name: str, stored: dict[str, _StoredTensor]) -> _StoredTensor | None:
    """The stored tensor of these values: that of the same name, else any."""
    named = stored.get(name.removeprefix("model."))
    for tensor in [named] if named is not None else stored.values():
        if tensor is not None and tensor.values.shape == values.shape and np.array_equal(tensor.values, values):
            return tensor
    return None


def _read(path: Path) -> dict[str, _StoredTensor]:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    stored = {}
    for name, about in json.loads(data[8:start]).items():
        dtype = _DTYPES.get(about.get("dtype", ""))
        if dtype is None:
            continue
        first, last = (start + place for place in about["data_offsets"])
        values = np.frombuffer(data[first:last], dtype).reshape(about["shape"])
        stored[name] = _StoredTensor(first, last - first, values)
    return stored
