"""Checks of tensor annotations alone; tests may pass stand-ins for arguments of other types."""

import typing

import jaxtyping
from beartype import beartype
from torch import Tensor


def arrays(function):
    """A function that checks the annotations of tensor arguments and results, and no others."""
    hints = getattr(function, "__annotations__", {})
    function.__annotations__ = {name: hint for name, hint in hints.items() if holds_arrays(hint)}
    return beartype(function)


def holds_arrays(hint):
    """Whether an annotation has a tensor type in it.

    >>> holds_arrays(jaxtyping.Float[Tensor, "B"] | None), holds_arrays(dict[str, float])
    (True, False)
    """
    is_array = isinstance(hint, type) and issubclass(hint, Tensor | jaxtyping.AbstractArray)
    return is_array or any(map(holds_arrays, typing.get_args(hint)))
