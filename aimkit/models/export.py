"""Exports networks as ONNX or torch.export files, and checks each file against its network."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.models.backbones.contract import MattingOutput
from aimkit.models.base import MattingModel
from aimkit.models.exported.onnx_data import refer
from aimkit.models.exported.traits import KEY, NetworkTraits
from aimkit.models.fusion import argmax, argmax_complement, soft
from aimkit.models.p3mnet import P3MNet
from aimkit.models.p3mnet import fuse as p3m_fuse

FORMATS = ("onnx", "torch-export")
OUTPUTS = ("semantic", "detail", "alpha", "logits")
#: Largest difference between the outputs of file and network.
TOLERANCE = 1e-4

#: An ONNX file is a protobuf, which can't be larger than 2 GB.
_ONNX_LIMIT = 2_000_000_000

#: Version of the operators of ONNX files: of 2022, so that older runtimes read them.
_OPSET = 18

#: The largest dynamic height and width.
_LARGEST = 8192


class Predictions(nn.Module):
    """A network that returns its four maps as a tuple and does not pad its input."""

    def __init__(self, model: MattingModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return _maps(self.model.predict(image))


def _maps(output: MattingOutput) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    logits = output.semantic_logits
    if logits is None:
        logits = torch.logit(output.semantic, eps=1e-6)
    return output.semantic, output.detail, output.alpha, logits


def export(
    model: MattingModel,
    path: Path,
    to: str = "onnx",
    size: tuple[int, int] | None = None,
    reference: MattingModel | None = None,
    weights: Path | None = None,
) -> float:
    """Write a network to a file and check the file against the network.

    The file's input is ``image``, normalised by ``model.preprocessing`` (metadata of an ONNX file record it),
    float32, (B, C, H, W); its outputs are ``semantic``, ``detail``, ``alpha`` and ``logits``. B is any number; H and W
    are multiples of ``preprocessing.size_multiple``, at least twice that, or fixed by ``size``.

    Args:
        model: Network on the CPU, in any mode; it is exported in evaluation mode.
        path: File to write; an existing one is replaced.
        to: ``onnx`` or ``torch-export``.
        size: (height, width) to fix, for backbones that can't be exported with dynamic sizes.
        reference: Network that the file must agree with, loaded on its own from the same weights; by default ``model``.
        weights: Safetensors file in the same folder to refer to, instead of storing its tensors again (ONNX only).

    Returns:
        The largest difference between the file's outputs and those of the network.

    Raises:
        AimkitError: The format is unknown, the size is not a multiple, packages are missing, the network can't be
            exported, or the file's outputs differ.
    """
    if to not in FORMATS:
        raise AimkitError(f"unknown format '{to}'", "--to", f"known: {', '.join(FORMATS)}")
    multiple = model.preprocessing.size_multiple
    if size is not None and (size[0] % multiple or size[1] % multiple or min(size) <= 0):
        raise AimkitError(
            f"{size[0]}x{size[1]} is not a multiple of {multiple}",
            "--size",
            "an exported network does not pad its input",
        )
    require(to)
    weight = sum(p.numel() * p.element_size() for p in model.parameters())
    if to == "onnx" and weight > _ONNX_LIMIT:
        raise AimkitError(
            f"{weight / 1e9:.1f} GB of weights do not fit in an ONNX file", "--to onnx", "use --to torch-export"
        )
    training = model.training
    wrapped = Predictions(model).eval()
    reference = model if reference is None else reference.eval()
    try:
        with torch.no_grad(), _quiet():
            if to == "onnx":
                try:
                    with replacing(path) as temporary:
                        _script_onnx(wrapped, size, temporary)
                        _complete(temporary, model, weights)
                        return _check(reference, _load_onnx(temporary), size, path, cell=size is None)
                except Exception as error:  # Tracers and ONNX Runtime raise nearly anything.
                    first = str(error).strip().split("\n")[0][:200]
                    console.detail(f"TorchScript can't trace this network, torch.export is next: {first}")
            program = _trace(wrapped, size)
            with replacing(path) as temporary:
                if to == "onnx":
                    _save_onnx(program, model, temporary)
                    _complete(temporary, model, weights)
                else:
                    torch.export.save(program, temporary)
                return _check(reference, _loader(to)(temporary), size, path)
    finally:
        model.train(training)


def require(to: str) -> None:
    """Check that the packages for a format are installed.

    Raises:
        AimkitError: One is missing.
    """
    needed = ("onnx", "onnxruntime", "onnxscript") if to == "onnx" else ()
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        what = f"export to ONNX needs {' and '.join(missing)}"
        raise AimkitError(what, "--to onnx", "pip install 'aimkit[export]', or use --to torch-export", exit_code=1)


def _script_onnx(wrapped: Predictions, size: tuple[int, int] | None, path: Path) -> None:
    """Trace with TorchScript: 20 times faster than with torch.export, and also right for maps of one cell.

    It records sizes as numbers where a network computes with them in Python, so the file must be checked at others.
    """
    preprocessing = wrapped.model.preprocessing
    multiple = preprocessing.size_multiple
    example = torch.zeros(2, len(preprocessing.mean), *(size or (2 * multiple, 3 * multiple)))
    dynamic = {0: "batch"} if size else {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        wrapped,
        (example,),
        str(path),
        dynamo=False,
        input_names=["image"],
        output_names=list(OUTPUTS),
        opset_version=_OPSET,
        dynamic_axes=dict.fromkeys(("image", *OUTPUTS), dynamic),
        # Neither folds weights into others: they keep their names and values. ONNX Runtime folds them as it loads.
        do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )


def _complete(path: Path, model: MattingModel, weights: Path | None) -> None:
    """Add what a reader must know besides the graph; refer to stored weights."""
    import onnx

    proto = onnx.load(path)
    about = {"aimkit.preprocessing": json.dumps(asdict(model.preprocessing))}
    if (traits := _traits(model)) is not None:
        about[KEY] = traits.to_json()
    onnx.helper.set_model_props(proto, about)
    if weights is not None:
        refer(proto, weights)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _trace(wrapped: Predictions, size: tuple[int, int] | None) -> torch.export.ExportedProgram:
    preprocessing = wrapped.model.preprocessing
    multiple = preprocessing.size_multiple
    example = torch.zeros(2, len(preprocessing.mean), *(size or (2 * multiple, 3 * multiple)))
    shapes: dict[int, Any] = {0: torch.export.Dim("batch", min=1, max=1024)}
    if size is None:
        # The tracer specialises maps of one cell, hence at least two multiples.
        shapes[2] = multiple * torch.export.Dim("rows", min=2, max=_LARGEST // multiple)
        shapes[3] = multiple * torch.export.Dim("columns", min=2, max=_LARGEST // multiple)
    try:
        return torch.export.export(wrapped, (example,), dynamic_shapes=(shapes,))
    except Exception as error:
        first = str(error).strip().split("\n")[0][:200]
        hint = "give a fixed --size HxW" if size is None else "this backbone can't be exported by this PyTorch"
        what = f"torch.export can't trace this network: {type(error).__name__}: {first}"
        raise AimkitError(what, type(wrapped.model.backbone).__name__, hint, exit_code=1) from error


def _save_onnx(program: torch.export.ExportedProgram, model: MattingModel, path: Path) -> None:
    try:
        onnx_program: Any = torch.onnx.export(
            program, dynamo=True, input_names=["image"], output_names=list(OUTPUTS), verbose=False
        )
    except Exception as error:
        what = f"this network can't be written as ONNX: {type(error).__name__}"
        hint = "give a fixed --size HxW, or use --to torch-export"
        raise AimkitError(what, type(model.backbone).__name__, hint, exit_code=1) from error
    graph = onnx_program.model
    for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
        if not isinstance(graph.graph.inputs[0].shape[axis], int):
            _rename(graph, str(graph.graph.inputs[0].shape[axis]), name)
    onnx_program.save(path, external_data=False)


def _traits(model: MattingModel) -> NetworkTraits | None:
    """What the runtime ``onnx`` must know; None for functions of the network's own, which only PyTorch can run."""
    fusions: dict[Any, str] = {
        None: "",
        soft: "soft",
        argmax: "argmax",
        argmax_complement: "argmax_complement",
        p3m_fuse: "argmax",
    }
    scores = {MattingModel.scores: "sigmoid", P3MNet.scores: "softmax"}.get(type(model).scores)
    if scores is None or model.fuse not in fusions:
        return None
    return NetworkTraits(model.classes, fusions[model.fuse], scores, model.strategy, model.scales, model.preprocessing)


def _rename(model: Any, old: str, new: str) -> None:
    """Rename a dynamic dimension at the inputs and outputs."""
    for value in (*model.graph.inputs, *model.graph.outputs):
        for axis, dim in enumerate(value.shape):
            if str(dim) == old:
                value.shape[axis] = new


def _loader(to: str) -> Callable[[Path], Callable[[Tensor], list[Tensor]]]:
    return _load_onnx if to == "onnx" else _load_program


def _load_onnx(path: Path) -> Callable[[Tensor], list[Tensor]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda image: [torch.from_numpy(value) for value in session.run(list(OUTPUTS), {"image": image.numpy()})]


def _load_program(path: Path) -> Callable[[Tensor], list[Tensor]]:
    module = torch.export.load(path).module()
    return lambda image: list(module(image))


def _check(
    reference: MattingModel,
    run: Callable[[Tensor], list[Tensor]],
    size: tuple[int, int] | None,
    path: Path,
    cell: bool = False,
) -> float:
    """Compare on other batches and sizes than the traced one; ``cell``: also where the coarsest map is one cell."""
    preprocessing = reference.preprocessing
    multiple, channels = preprocessing.size_multiple, len(preprocessing.mean)
    rng = np.random.default_rng(0)
    difference = 0.0
    sizes = [size, size] if size else [(5 * multiple, 7 * multiple), (2 * multiple, 2 * multiple)]
    if cell:
        sizes.append((multiple, multiple))
    for batch, (height, width) in zip((1, 3, 1), sizes, strict=False):
        image = torch.from_numpy(rng.standard_normal((batch, channels, height, width)).astype(np.float32))
        output = reference(image)
        for name, found, wanted in zip(OUTPUTS, run(image), _maps(output), strict=True):
            off = (found - wanted).abs()
            if name == "logits":
                off = off / (1 + wanted.abs())
            if name == "alpha":
                off = off[_settled(reference, output.semantic)]
            difference = max(difference, float(off.max()) if off.numel() else 0.0)
            if not difference <= TOLERANCE:
                what = f"the exported {name} differs by {difference:.1e} for {height}x{width}, more than {TOLERANCE}"
                hint = "nothing was written; " + ("report this" if size else "give a fixed --size HxW")
                raise AimkitError(what, str(path), hint, exit_code=1)
    return difference


def _settled(reference: MattingModel, semantic: Tensor) -> Tensor:
    """Where alpha must agree, (B, 1, H, W): everywhere, except where rounding may decide which class wins."""
    everywhere = torch.ones_like(semantic[:, :1], dtype=torch.bool)
    if reference.fuse is soft or semantic.shape[1] == 1:
        return everywhere
    if reference.fuse is None:
        return ~everywhere
    best = semantic.topk(2, dim=1).values
    return best[:, :1] - best[:, 1:] > 10 * TOLERANCE


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' warnings, which the check covers."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "torch._export")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
