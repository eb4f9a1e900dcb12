"""A GPU that is only pretended: its tensors say ``cuda:0``, their values lie on the CPU, and the two never mix.

``with pretended_gpu() as gpu`` answers for a GPU. What a real one refuses is refused, and each launch, copy and wait is
counted by the line of the package that caused it. To C++ a :class:`DeviceTensor` is a tensor of the CPU, or torch would
look for a driver; Python alone is told otherwise. What torch makes like it inside an operation is therefore given the
side of the operation's arguments here.

Torch's interfaces for this are private. It was tried on the versions of ``TRIED``; elsewhere its tests are skipped.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _foreach_utils
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

#: Versions of torch, major and minor.
TRIED = {(2, 14)}

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")

aten = torch.ops.aten

#: Operations that take tensors of both sides: copies, and indexing of the device's tensors with the host's.
_COPIES = {aten.copy_.default, aten._to_copy.default}
_INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}

#: Operations whose result, or its size, the host waits for.
_WAITS = {
    *("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "item", "bincount", "unique_dim"),
    *("_unique2", "unique_consecutive"),
}

#: Operations that launch nothing.
_FREE = {
    *("alias", "as_strided", "detach", "diagonal", "empty", "empty_like", "empty_strided", "expand", "lift_fresh"),
    *("narrow", "new_empty", "new_empty_strided", "permute", "select", "slice", "split", "split_with_sizes"),
    *("squeeze", "squeeze_", "t", "transpose", "unbind", "unfold", "unsqueeze", "unsqueeze_", "view", "_unsafe_view"),
    *("is_same_size", "_has_compatible_shallow_copy_type", "set_", "resize_", "_reshape_alias", "view_as_real"),
}


@dataclass
class GpuCounts:
    """What the pretended GPU was asked for, by the line that asked, ``train/step.py:38``.

    Attributes:
        launches: Kernels.
        waits: What the host waits for: values that are read, and copies that are not asynchronous.
        copies: Copies to the device that the host does not wait for.
        moved: Bytes of all copies, by direction: "to the device", "to the host".
        doubles: Tensors of float64, which Apple's GPUs do not have.
    """

    launches: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    doubles: Counter[str] = field(default_factory=Counter)

    def clear(self) -> None:
        """Start counting again."""
        for counter in (self.launches, self.waits, self.copies, self.moved, self.doubles):
            counter.clear()


class DeviceTensor(torch.Tensor):
    """A tensor of the pretended device; ``held`` has its values."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls: type[DeviceTensor], held: torch.Tensor, requires_grad: bool = False) -> DeviceTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            requires_grad=requires_grad,
            device=CPU,
        )
        made.held = held
        return made

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _SAID:
            return _SAID[func]
        if func in _MOVES:
            return _move(func, args, dict(kwargs or {}))
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it first.")
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})

    def __repr__(self) -> str:  # type: ignore[override]
        return f"DeviceTensor({self.held!r})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.held.detach().__reduce_ex__(protocol)


#: What Python is told of a tensor of the device.
_SAID: dict[Any, Any] = {
    torch.Tensor.device.__get__: CUDA,  # type: ignore[attr-defined]
    torch.Tensor.is_cuda.__get__: True,  # type: ignore[attr-defined]
    torch.Tensor.is_cpu.__get__: False,  # type: ignore[attr-defined]
    torch.Tensor.get_device: 0,
}
_MOVES = (torch.Tensor.to, torch.Tensor.cpu, torch.Tensor.cuda)


@dataclass
class _Call:
    """A call of torch from Python: whether an argument lies on the device, and whether the CPU was asked for."""

    on_device: bool = False
    for_cpu: bool = False


class _State:
    """The GPU that is pretended at the moment, and the calls that are under way."""

    counts: GpuCounts | None = None
    calls: list[_Call] = [_Call()]  # noqa: RUF012


def _is_on_device(value: Any) -> bool:
    return isinstance(value, DeviceTensor)


@contextmanager
def _calling(call: _Call) -> Iterator[None]:
    _State.calls.append(call)
    try:
        yield
    finally:
        _State.calls.pop()


def _move(func: Any, args: Any, kwargs: dict[str, Any]) -> torch.Tensor:
    """``to``, ``cpu`` and ``cuda`` of a tensor that C++ takes for one of the CPU already."""
    tensor, *rest = args
    target, flags = CPU if func is torch.Tensor.cpu else None, []
    if "device" in kwargs:
        rest.append(kwargs.pop("device"))
    for value in rest:
        if isinstance(value, str | torch.device):
            target = torch.device(value)
        elif isinstance(value, torch.Tensor):
            target, kwargs["dtype"] = target or value.device, value.dtype
        elif isinstance(value, torch.dtype):
            kwargs["dtype"] = value
        elif isinstance(value, bool):
            flags.append(value)
    kwargs |= dict(zip(("non_blocking", "copy"), flags, strict=False))
    with torch._C.DisableTorchFunctionSubclass():
        if not _is_on_device(tensor):
            return tensor.to(target or CPU, **kwargs)
        if target is not None and target.type == "cpu":
            with _calling(_Call(True, for_cpu=True)):
                tensor = aten._to_copy.default(tensor, device=CPU)
        return tensor.to(**kwargs) if kwargs else tensor


def _compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation: refuse it, or count it, compute it on the CPU and put the result on its side."""
    flat, spec = tree_flatten((args, kwargs))
    tensors = [x for x in flat if isinstance(x, torch.Tensor)]
    on_device, call = any(map(_is_on_device, flat)), _State.calls[-1]
    named = kwargs.get("device")
    if named is None:
        to_device = on_device
    elif torch.device(named).type == "cuda":
        to_device = True
    else:
        # C++ says CPU where it makes something like a tensor of the device.
        to_device = (on_device or (call.on_device and not tensors)) and not call.for_cpu
    if not on_device and not to_device:
        return func(*args, **kwargs)
    _refuse_mixtures(func, args, tensors, on_device)
    if _State.counts is not None:
        _count(_State.counts, func, args, kwargs, tensors, to_device)
    held_args, held_kwargs = tree_unflatten([x.held if _is_on_device(x) else x for x in flat], spec)
    if named is not None:
        held_kwargs["device"] = CPU
    result = func(*held_args, **held_kwargs)
    if func is aten._to_copy.default and to_device and not on_device and result is held_args[0]:
        result = result.clone()
    owners = {id(x.held): x for x in tensors if isinstance(x, DeviceTensor)}
    others = {id(x) for x in tensors}

    def on_its_side(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or _is_on_device(x) or not to_device:
            return x
        if func._schema.is_mutable and (id(x) in owners or id(x) in others):
            return owners.get(id(x), x)
        if _State.counts is not None and x.dtype == torch.float64:
            _State.counts.doubles[_line()] += 1
        return DeviceTensor(x)

    return tree_map(on_its_side, result)


def _refuse_mixtures(func: Any, args: Any, tensors: list[torch.Tensor], on_device: bool) -> None:
    if not on_device or func in _COPIES or func is aten.set_.source_Tensor:
        return
    if func in _INDEXING:
        if not _is_on_device(args[0]):
            raise RuntimeError(f"{func}: indices should be on the device of the indexed tensor (cpu)")
        if func is not aten.index.Tensor and not _is_on_device(args[2]) and args[2].ndim:
            raise RuntimeError(f"{func}: expected all tensors to be on the same device, cuda:0 and cpu")
        return
    for x in tensors:
        # A GPU takes scalars of the CPU.
        if not _is_on_device(x) and x.ndim and x.numel():
            raise RuntimeError(
                f"{func}: expected all tensors to be on the same device, cuda:0 and cpu {tuple(x.shape)}"
            )


def _count(
    counts: GpuCounts, func: Any, args: Any, kwargs: dict[str, Any], tensors: list[torch.Tensor], to_device: bool
) -> None:
    name, line = func._schema.name.split("::")[1], _line()
    host = [x for x in tensors if not _is_on_device(x)]
    if func in _COPIES:
        # A copy into a tensor of the CPU waits, as does one whose source may be changed before it is over.
        upwards = to_device and bool(host) and not (func is aten.copy_.default and not _is_on_device(args[0]))
        source = args[1] if func is aten.copy_.default else args[0]
        if upwards:
            asynchronous = kwargs.get("non_blocking", False) or (func is aten.copy_.default and any(args[2:3]))
            (counts.copies if asynchronous else counts.waits)[line] += 1
            counts.moved["to the device"] += source.nbytes
        elif host or not to_device:
            counts.waits[line] += 1
            counts.moved["to the host"] += source.nbytes
        else:
            counts.launches[line] += 1
    elif name in _WAITS:
        counts.waits[line] += 1
    elif func in _INDEXING:
        masked = any(x.dtype in (torch.bool, torch.uint8) for x in args[1] if x is not None)
        if masked or any(x is not None and not _is_on_device(x) for x in args[1]):
            counts.waits[line] += 1
        counts.launches[line] += 1
    elif name not in _FREE:
        counts.launches[line] += 1


def _line() -> str:
    """The innermost line of the package, else of torch's optimisers, else "backward"."""
    frame, torch_line = sys._getframe(3), "backward"
    while frame is not None:
        name = frame.f_code.co_filename.replace("\\", "/")
        if "/aimkit/" in name and "/site-packages/" not in name:
            return f"{name.rsplit('/aimkit/', 1)[1]}:{frame.f_lineno}" if torch_line == "backward" else torch_line
        if torch_line == "backward" and ("/torch/optim/" in name or "/torch/amp/" in name):
            torch_line = f"torch/{name.rsplit('/torch/', 1)[1]}"
        frame = frame.f_back  # type: ignore[assignment]
    return torch_line


class _Dispatch(TorchDispatchMode):
    """Sees what has no tensor of the device among its arguments, such as ``torch.zeros(3, device="cuda")``."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Calls(TorchFunctionMode):
    """Notes what a call of torch is about, and names ``cuda:0`` where ``cuda`` is said: torch would ask the driver."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def indexed(x: Any) -> Any:
            if x == "cuda" if isinstance(x, str) else isinstance(x, torch.device) and x.type == "cuda":
                return CUDA
            return x

        if func in (torch.Tensor.to, torch.Tensor.cuda):
            args = tuple(map(indexed, args))
        kwargs = {key: indexed(x) if key == "device" else x for key, x in (kwargs or {}).items()}
        named = kwargs.get("device")
        parts = [y for x in (*args, *kwargs.values()) for y in (x if isinstance(x, list | tuple) else [x])]
        with _calling(_Call(any(map(_is_on_device, parts)), named is not None and torch.device(named).type == "cpu")):
            return func(*args, **kwargs)


@contextmanager
def pretended_gpu() -> Iterator[GpuCounts]:
    """Pretend that there is one GPU, also to accelerate."""
    import torch.cuda.amp.common
    from accelerate.state import AcceleratorState, PartialState

    counts = GpuCounts()
    with ExitStack() as stack:
        for target, value in _answers().items():
            stack.enter_context(mock.patch(target, value))
        stack.enter_context(mock.patch.object(PartialState, "default_device", property(lambda self: CUDA)))
        AcceleratorState._reset_state(True)
        stack.callback(AcceleratorState._reset_state, True)
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        _foreach_utils._foreach_supported_types.append(DeviceTensor)
        stack.callback(_foreach_utils._foreach_supported_types.remove, DeviceTensor)
        # Modules are moved by new parameters, since those of the CPU can't become others in place.
        overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
        lifts = torch._C._only_lift_cpu_tensors()
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwrites)
        stack.callback(torch._C._set_only_lift_cpu_tensors, lifts)
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        torch._C._set_only_lift_cpu_tensors(True)
        stack.enter_context(mock.patch.object(_State, "counts", counts))
        stack.enter_context(_Calls())
        stack.enter_context(_Dispatch())
        yield counts


def _answers() -> dict[str, Any]:
    """What torch is told instead of asking the driver."""
    autocast, engine, to = (
        torch.amp.autocast_mode.autocast.__init__,
        torch.autograd.graph._engine_run_backward,
        torch.nn.Module.to,
    )

    def autocast_of_the_cpu(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        autocast(self, "cpu" if device_type == "cuda" else device_type, *args, **kwargs)

    def backward(*args: Any, **kwargs: Any) -> Any:
        # What the engine makes for itself lies on the device.
        with _calling(_Call(on_device=True)):
            return engine(*args, **kwargs)

    def module_to(self: torch.nn.Module, *args: Any, **kwargs: Any) -> torch.nn.Module:
        tensors = [*self.parameters(), *self.buffers()]
        named = torch.device(args[0]) if len(args) == 1 and isinstance(args[0], str | torch.device) else None
        if named is not None and named.type == "cuda" and tensors and all(map(_is_on_device, tensors)):
            # New parameters would leave the optimiser with the old ones.
            return self
        return to(self, *args, **kwargs)

    group = torch._C._group_tensors_by_device_and_dtype

    def grouped(lists: Any, with_indices: bool = False) -> Any:
        groups = group(lists, with_indices).items()
        return {
            (CUDA if any(map(_is_on_device, values[0][0])) else device, dtype): values
            for (device, dtype), values in groups
        }

    def constant(value: Any) -> Callable[..., Any]:
        return lambda *args, **kwargs: value

    return {
        "torch.nn.Module.to": module_to,
        "torch.amp.autocast_mode.autocast.__init__": autocast_of_the_cpu,
        "torch.autograd._engine_run_backward": backward,
        "torch._C._group_tensors_by_device_and_dtype": grouped,
        "torch.cuda.amp.common.amp_definitely_not_available": constant(False),
        "torch.cuda.is_bf16_supported": constant(True),
        "torch.accelerator.is_available": constant(True),
        "torch.accelerator.current_stream": constant(mock.Mock(is_capturing=constant(False))),
        "torch.cuda.max_memory_allocated": constant(0),
        "torch.cuda.synchronize": constant(None),
        "torch.cuda.current_device": constant(0),
        "torch.cuda._lazy_init": constant(None),
    }
