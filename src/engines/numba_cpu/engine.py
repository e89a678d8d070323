"""The fused engine of the CPU, in the interface of `Engine`."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from ...cells.base import Cell, State
from ...cells.dnc import DNC
from ...cells.machine import Machine
from ..base import Engine
from . import autograd, dnc_autograd, kernels, machine_kinds


class NumbaCPU(Engine):
    """Runs machines of the known kinds and DNCs, in float32 or float64 on the CPU."""

    name = "fused"

    def knows(self, cell: Cell) -> str | None:
        """As `Engine.knows`."""
        if isinstance(cell, DNC):
            return kernels.missing() or dnc_autograd.unknown(cell)
        why_not = machine_kinds.unknown(type(cell)) or kernels.missing()
        if why_not is None and isinstance(cell, Machine):
            why_not = machine_kinds.unknown_option(cell) or machine_kinds.unknown_controller(cell)
        return why_not

    def covers(self, cell: Cell, device: torch.device, dtype: torch.dtype) -> str | None:
        """As `Engine.covers`."""
        if device.type != "cpu" or dtype not in autograd.DTYPES:
            return f"the fused engine computes in float32 or float64 on the CPU, not in {dtype} on {device}"
        if isinstance(cell, DNC):
            return kernels.missing() or dnc_autograd.unknown(cell) or dnc_autograd.altered(cell)
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
        """Compiles the kernels, or loads them from the cache, and gives those of a machine all threads."""
        weight = cell.any_weight
        assert weight is not None
        if isinstance(cell, DNC):  # its kernels run on the calling thread, and torch does the rest
            dnc_autograd.prepare(weight.dtype)
            yield
            return
        autograd.prepare(weight.dtype)
        with autograd.kernel_threads():
            yield

    def sequence(
        self, cell: Cell, x: Float[Tensor, "B T F"], state: State | None
    ) -> tuple[Float[Tensor, "B T O"], State]:
        """As `Engine.sequence`."""
        if isinstance(cell, DNC):
            return dnc_autograd.sequence(cell, x, state)
        assert isinstance(cell, Machine)
        return autograd.sequence(cell, x, state)
