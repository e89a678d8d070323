"""The layout of what a controller sends to one head: each raw number's name, size, initial bias and squashing.

A kind of head declares its layout once; its equations read the squashed numbers by name, and an engine takes from
the same layout where each of them begins.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus


def identity(raw: Float[Tensor, "B H *n"]) -> Float[Tensor, "B H *n"]:
    """A number that is used as it comes."""
    return raw


def at_least_one(raw: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
    """1 + softplus."""
    return 1.0 + softplus(raw)


def softmax(raw: Float[Tensor, "B H n"]) -> Float[Tensor, "B H n"]:
    """Shares that sum to one."""
    return raw.softmax(2)


class Field(NamedTuple):
    """One raw number of a head, or several that belong together."""

    name: str
    size: int | None = None  # None: one number, without an axis of its own
    squash: Callable[[Tensor], Tensor] = identity  # from [B, H] or [B, H, size] to what the equations use
    bias: float | tuple[float, ...] = 0.0  # before anything is learned
    shown: bool = False  # part of the trace


class Layout:
    """The fields of one head's raw numbers, in order.

    Args:
        fields: each of a name of its own.

    Raises:
        ValueError: two fields of one name, or not one bias for each number.
    """

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self.sizes = [1 if field.size is None else field.size for field in fields]
        self.size = sum(self.sizes)
        self.starts = {field.name: sum(self.sizes[:i]) for i, field in enumerate(fields)}
        if len(self.starts) != len(fields):
            raise ValueError(f"two fields of one name: {', '.join(field.name for field in fields)}")

    def biases(self) -> Float[Tensor, "P"]:
        """What a head gets before anything is learned."""
        biases: list[float] = []
        for field, size in zip(self.fields, self.sizes, strict=True):
            one = field.bias if isinstance(field.bias, tuple) else (field.bias,) * size
            if len(one) != size:
                raise ValueError(f"{field.name}: {len(one)} biases for {size} numbers")
            biases += one
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
        """Those of the squashed numbers that a trace shows, by name."""
        return {field.name: getattr(numbers, field.name) for field in self.fields if field.shown}


def content_fields(word_size: int, beta_bias: float, gate_bias: float) -> list[Field]:
    """What content-based addressing takes: a key, its strength and the interpolation gate."""
    return [
        Field("key", word_size),
        Field("beta", squash=softplus, bias=beta_bias),
        Field("gate", squash=torch.sigmoid, bias=gate_bias, shown=True),
    ]
