"""Validation of inputs, states and modules before an engine computes with them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch._C import _are_functorch_transforms_active
from torch.nn.modules import module as torch_module

#: Methods of a module that an engine calls or reimplements.
METHODS = frozenset({"forward", "step", "trace", "address"})
#: The shapes of the tensors of a state, without the batch, in the same nested structure.
Shapes = Any


def shapes(state: Any) -> Shapes:
    """The shapes of a state, without the batch; tuples keep their types.

    >>> shapes((torch.zeros(1, 3), (torch.zeros(1, 2, 5),)))
    (torch.Size([3]), (torch.Size([2, 5]),))
    """
    if isinstance(state, Tensor):
        return state.shape[1:]
    parts = tuple(shapes(part) for part in state)
    return type(state)(*parts) if hasattr(state, "_fields") else parts


def rows(state: Any, part: str, default: int) -> int:
    """Rows of a part of a state, [B, rows, width], that may have any number of them.

    For another shape, and where the state lacks the part, the default: `check` refuses such a state.
    """
    found = getattr(state, part, None)
    return found.shape[1] if isinstance(found, Tensor) and found.dim() == 3 else default


def check(x: Tensor, state: Any, features: int, expected: Shapes, weight: Tensor | None) -> Tensor:
    """Refuse an input or a state that does not fit.

    Returns the input; under autocast an input of another precision is cast to the dtype of the weight.

    Args:
        x: must be [B, T, features], with at least one sequence and one step.
        state: must have the batch size of x.
        expected: shapes of the state; None skips the check of the state.
        weight: all tensors must have its dtype and device; None stands for x.

    Raises:
        ValueError: a wrong shape or structure.
        TypeError: a wrong dtype or device.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"x is of type {type(x).__name__}: must be a tensor")
    if x.dim() != 3 or x.shape[2] != features or not x.numel():
        raise ValueError(
            f"x is {_shape(x)}: must be [batch, steps, {features}], with at least one sequence and one step"
        )
    weight = x if weight is None else weight
    if x.dtype is not weight.dtype and autocasts(weight) and x.is_floating_point():
        x = x.to(weight.dtype)
    if x.layout is not torch.strided:
        raise TypeError(f"x is {x.layout}: must be torch.strided, a dense tensor")
    if x.dtype != weight.dtype or x.device != weight.device:
        raise TypeError(f"x is {_kind(x)}: must be {_kind(weight)}, as the weights are")
    if expected is not None:
        _check_state("state", state, expected, len(x), weight)
    return x


def _check_state(name: str, state: Any, expected: Shapes, batch: int, weight: Tensor) -> None:
    """Refuse the first part of a state that does not fit."""
    if isinstance(expected, torch.Size):
        if not isinstance(state, Tensor):
            raise ValueError(f"{name} is of type {type(state).__name__}: must be a tensor")
        shape = (batch, *expected)
        if state.shape != shape:
            raise ValueError(f"{name} is {_shape(state)}: must be {list(shape)}")
        if state.layout is not torch.strided:
            raise TypeError(f"{name} is {state.layout}: must be torch.strided, a dense tensor")
        if state.dtype != weight.dtype or state.device != weight.device:
            raise TypeError(f"{name} is {_kind(state)}: must be {_kind(weight)}, as the weights are")
        return
    if type(state) is not type(expected) or len(state) != len(expected):
        length = f" of {len(state)}" if isinstance(state, tuple) else ""
        raise ValueError(
            f"{name} is of type {type(state).__name__}{length}: must be of type {type(expected).__name__} of "
            f"{len(expected)}, as initial_state gives it"
        )
    fields = getattr(state, "_fields", None)
    for i, (part, one) in enumerate(zip(state, expected, strict=True)):
        _check_state(f"{name}.{fields[i]}" if fields else f"{name}[{i}]", part, one, batch, weight)


def _shape(x: Tensor) -> str:
    return str(list(x.shape))


def _kind(x: Tensor) -> str:
    return f"{x.dtype} on {x.device}"


def autocasts(like: Tensor) -> bool:
    """Whether autocast is enabled on the device of a tensor; the meta device has no autocast."""
    device = like.device.type
    return device != "meta" and torch.is_autocast_enabled(device)


def transformed() -> bool:
    """Whether a transform of torch.func, such as grad or vmap, is active."""
    return not torch.compiler.is_compiling() and _are_functorch_transforms_active()


def altered(module: nn.Module) -> str | None:
    """The name of the first altered module, submodules before the module itself; None if there is none.

    Altered means that a module has hooks (as pruning and spectral norms use), parametrisations or replaced
    methods, so that its class alone no longer says what it computes.
    """
    if (
        torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
        or torch_module._global_backward_hooks
        or torch_module._global_backward_pre_hooks
    ):
        return "every module"
    if not _any_altered(module):
        return None
    inner = [name for name, one in module.named_modules() if name and is_altered(one)]
    return inner[0] if inner else type(module).__name__


def is_altered(module: nn.Module) -> bool:
    """Whether a module itself, without its submodules, is altered; see `altered`."""
    own = module.__dict__
    forward_hooks = own["_forward_hooks"] or own["_forward_pre_hooks"]
    backward_hooks = own["_backward_hooks"] or own["_backward_pre_hooks"]
    hooks = bool(forward_hooks or backward_hooks)
    return hooks or not METHODS.isdisjoint(own) or "parametrizations" in own["_modules"]


def _any_altered(module: nn.Module) -> bool:
    if is_altered(module):
        return True
    for one in module.__dict__["_modules"].values():  # noqa: SIM110  (once per sequence: must be fast)
        if one is not None and _any_altered(one):
            return True
    return False
