"""The fused engine of the CPU, in the interface of `Engine`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ...cells.base import Cell, State
from ...cells.dnc import DNC
from ...cells.gru import GRU
from ...cells.machine import Machine
from ..base import Engine
from . import autograd, dnc_autograd, gru_autograd, kernels, machine_kinds
from .kernel_threads import kernel_threads
from .operation import DTYPES


class Family(NamedTuple):
    """Kernels of one family of cells."""

    #: Base class of the cells.
    base: type
    #: The reason why the kernels cannot run this kind of cell; None if they can.
    unknown: Callable[[Any], str | None]
    #: The reason why they cannot run a cell of a known kind in its present state; None if they can.
    altered: Callable[[Any], str | None]
    #: Compiles those of a cell for a dtype, or loads them from the cache.
    prepare: Callable[[Any, torch.dtype], None]
    #: As `Engine.sequence`.
    sequence: Callable[[Any, Tensor, Any], tuple[Tensor, Any]]


FAMILIES = [
    Family(DNC, dnc_autograd.unknown, dnc_autograd.altered, dnc_autograd.prepare, dnc_autograd.sequence),
    Family(GRU, gru_autograd.unknown, gru_autograd.altered, gru_autograd.prepare, gru_autograd.sequence),
    # The last: a cell of no family is a machine of an unknown kind.
    Family(Machine, machine_kinds.unknown, machine_kinds.altered, autograd.prepare, autograd.sequence),
]


def family_of(cell: Cell) -> Family:
    """The family of a cell."""
    return next((family for family in FAMILIES if isinstance(cell, family.base)), FAMILIES[-1])


class NumbaCPU(Engine):
    """Runs machines of the known kinds, DNCs and GRUs, in float32 or float64 on the CPU."""

    name = "fused"

    def knows(self, cell: Cell) -> str | None:
        """As `Engine.knows`."""
        why_not = family_of(cell).unknown(cell) or kernels.missing()
        if why_not is None and isinstance(cell, Machine):
            why_not = machine_kinds.unknown_controller(cell)
        return why_not

    def covers(self, cell: Cell, device: torch.device, dtype: torch.dtype) -> str | None:
        """As `Engine.covers`."""
        if device.type != "cpu" or dtype not in DTYPES:
            return f"the fused engine computes in float32 or float64 on the CPU, not in {dtype} on {device}"
        family = family_of(cell)
        return family.unknown(cell) or kernels.missing() or family.altered(cell)

    @contextmanager
    def prepared(self, cell: Cell) -> Iterator[None]:
        """Compiles the kernels, or loads them from the cache, and gives them all threads but those of a DNC."""
        weight = cell.any_weight
        assert weight is not None
        family_of(cell).prepare(cell, weight.dtype)
        if isinstance(cell, DNC):  # its kernels run on the calling thread, and torch does the rest
            yield
            return
        with kernel_threads():
            yield

    def sequence(
        self, cell: Cell, x: Float[Tensor, "B T F"], state: State | None
    ) -> tuple[Float[Tensor, "B T O"], State]:
        """As `Engine.sequence`."""
        return family_of(cell).sequence(cell, x, state)
