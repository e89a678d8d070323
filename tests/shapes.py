"""Checks of annotated tensors alone: tests give what else they like for what a function does not need."""

import typing

import jaxtyping
from beartype import beartype
from torch import Tensor


def arrays(function):
    """A function that checks the tensors it is given and gives, and no other annotation."""
    hints = getattr(function, "__annotations__", {})
    function.__annotations__ = {name: hint for name, hint in hints.items() if holds_arrays(hint)}
    return beartype(function)


def holds_arrays(hint):
    """
    >>> holds_arrays(jaxtyping.Float[Tensor, "B"] | None), holds_arrays(dict[str, float])
    (True, False)
    """
    its_own = isinstance(hint, type) and issubclass(hint, Tensor | jaxtyping.AbstractArray)
    return its_own or any(map(holds_arrays, typing.get_args(hint)))
