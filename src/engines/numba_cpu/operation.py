"""What the operations of torch's autograd that call kernels have in common."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .plan import padded

#: Dtypes of the kernels.
DTYPES: dict[torch.dtype, np.dtype] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}


def zero_padded(weight: Tensor) -> np.ndarray:
    """A matrix or a vector with zeros behind it, so that each size is a multiple of the vector width."""
    array = np.zeros([padded(size) for size in weight.shape], DTYPES[weight.dtype])
    array[tuple(slice(size) for size in weight.shape)] = weight.detach().numpy()
    return array


def overridden(cls: type, base: type, methods: frozenset[str]) -> str | None:
    """The reason why kernels cannot run a subclass: a method of its own that they reimplement; None if none.

    Args:
        cls: the class of a cell.
        base: the class that the kernels know, cls itself or a base class of it.
        methods: names of the methods that the kernels reimplement.
    """
    own = {name for one in cls.__mro__[: cls.__mro__.index(base)] for name in vars(one)}
    found = sorted(f"{cls.__name__}.{name}" for name in own & methods)
    return f"{found[0]} is hooked, parametrised or replaced" if found else None


def check_first_derivative() -> None:
    """Refuse create_graph=True: the gradients that kernels compute have no graph.

    Raises:
        RuntimeError: a graph is asked for.
    """
    if torch.is_grad_enabled():
        raise RuntimeError("the fused engine has first derivatives only; model.engine=reference has higher ones")


def check_backward(stored: Any, outputs: Tensor | None, version: int) -> None:
    """Refuse a backward that cannot be computed from what the forward stored.

    Args:
        stored: None after the first backward, which overwrites it.
        outputs: a tensor of which the outputs of the forward are views.
        version: its version after the forward.

    Raises:
        RuntimeError: a graph is asked for, it is the second backward, or outputs were changed in place.
    """
    check_first_derivative()
    if stored is None or outputs is None:
        raise RuntimeError("the fused engine runs backward only once; model.engine=reference can repeat it")
    if outputs._version != version:
        raise RuntimeError("outputs of the fused engine were changed in place before its backward")
