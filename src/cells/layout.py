"""Layout of the controller's output for one head: name, size, initial bias and squashing function of each number.

A kind of head declares its layout once. The cell's equations read the squashed numbers by name, and an engine
reads the offset of each number from the same layout.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from ..common import checks
from .by_head import ByHead

#: Bound on what a user sets in slots, factors and clipping: float32 then holds squares of their products.
LARGEST = 1e6


def clip_bound(output_clip: float | None) -> float | None:
    """The bound on the raw numbers of all heads, checked; None for none."""
    return None if output_clip is None else checks.number("output_clip", output_clip, above=0, most=LARGEST)


def clipped(raw: Float[Tensor, "B *n"], bound: float | None) -> Float[Tensor, "B *n"]:
    """Raw numbers from -bound to bound."""
    return raw if bound is None else raw.clamp(-bound, bound)


def identity(raw: Float[Tensor, "B H *n"]) -> Float[Tensor, "B H *n"]:
    """No squashing."""
    return raw


def at_least_one(raw: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
    """1 + softplus."""
    return 1.0 + softplus(raw)


def softmax(raw: Float[Tensor, "B H n"]) -> Float[Tensor, "B H n"]:
    """Softmax over the last dimension."""
    return raw.softmax(2)


def step_logits(biases: ByHead, radius: int) -> ByHead:
    """Initial logits of the shifts -r..r: of +1 for a positive bias, of standing still for a negative one.

    >>> step_logits(ByHead([-4.0, 2.0]), 1)
    ((0.0, 4.0, 0.0), (0.0, 0.0, 2.0))
    """
    shifts = range(-radius, radius + 1)
    return ByHead(tuple(abs(bias) * (shift == (bias > 0)) for shift in shifts) for bias in biases)


class Field(NamedTuple):
    """One raw number of a head, or a vector of them."""

    name: str
    size: int | None = None  # None: a scalar, without a dimension
    squash: Callable[[Tensor], Tensor] = identity  # applied to [B, H] or [B, H, size]
    bias: float | tuple[float, ...] | ByHead = 0.0  # initial value, of all heads or by head
    shown: bool = False  # whether a trace contains it


class Layout:
    """The fields of one head's raw numbers, in order.

    Args:
        fields: with unique names.

    Raises:
        ValueError: two fields of one name.
    """

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self.sizes = [1 if field.size is None else field.size for field in fields]
        self.size = sum(self.sizes)
        self.starts = {field.name: sum(self.sizes[:i]) for i, field in enumerate(fields)}
        if len(self.starts) != len(fields):
            raise ValueError(f"two fields of one name: {', '.join(field.name for field in fields)}")

    def biases(self, head: int = 0) -> Float[Tensor, "P"]:
        """Initial biases of all numbers of a head.

        Raises:
            ValueError: a field with another number of biases than numbers.
        """
        biases: list[float] = []
        for field, size in zip(self.fields, self.sizes, strict=True):
            bias = field.bias[head] if isinstance(field.bias, ByHead) else field.bias
            values = bias if isinstance(bias, tuple) else (bias,) * size
            if len(values) != size:
                raise ValueError(f"{field.name}: {len(values)} biases for {size} numbers")
            biases += values
        return torch.tensor(biases)

    def read(self, raw: Float[Tensor, "B H P"]) -> SimpleNamespace:
        """The squashed numbers by name: each [B, H], or [B, H, size] where the field has a size."""
        return SimpleNamespace(
            **{
                field.name: field.squash(part.squeeze(2) if field.size is None else part)
                for field, part in zip(self.fields, raw.split(self.sizes, dim=2), strict=True)
            }
        )

    def shown(self, numbers: SimpleNamespace) -> dict[str, Tensor]:
        """The squashed numbers that a trace contains, by name."""
        return {field.name: getattr(numbers, field.name) for field in self.fields if field.shown}
