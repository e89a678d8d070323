"""The fused engine of the CPU, in the interface of `Engine`."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from ...cells.base import Cell, State
from ...cells.machine import Machine
from ..base import Engine
from . import autograd, kernels, machine_kinds


class NumbaCPU(Engine):
    """Runs machines of the known kinds, in float32 or float64 on the CPU."""

    name = "fused"

    def knows(self, cell: Cell) -> str | None:
        """As `Engine.knows`."""
        why_not = machine_kinds.unknown(type(cell)) or kernels.missing()
        if why_not is None and isinstance(cell, Machine):
            why_not = machine_kinds.unknown_option(cell) or machine_kinds.unknown_controller(cell)
        return why_not

    def covers(self, cell: Cell, device: torch.device, dtype: torch.dtype) -> str | None:
        """As `Engine.covers`."""
        if device.type != "cpu" or dtype not in autograd.DTYPES:
            return f"the fused engine computes in float32 or float64 on the CPU, not in {dtype} on {device}"
        why_not = machine_kinds.unknown(type(cell)) or kernels.missing()
        if why_not is not None:
            return why_not
        assert isinstance(cell, Machine)
        name = machine_kinds.altered(cell)
        if name is not None:
            return f"{name} is hooked, parametrised or replaced"
        return machine_kinds.unknown_option(cell)

    @contextmanager
    def prepared(self, cell: Cell) -> Iterator[None]:
        """Compiles the kernels, or loads them from the cache, and gives them all threads."""
        weight = cell.any_weight
        assert weight is not None
        autograd.prepare(weight.dtype)
        with autograd.kernel_threads():
            yield

    def sequence(
        self, cell: Cell, x: Float[Tensor, "B T F"], state: State | None
    ) -> tuple[Float[Tensor, "B T O"], State]:
        """As `Engine.sequence`."""
        assert isinstance(cell, Machine)
        return autograd.sequence(cell, x, state)
