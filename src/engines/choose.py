"""Which engine runs a cell: the list of them, and the one choice."""

import logging
from collections.abc import Iterable
from weakref import WeakSet

import torch
from torch._C import _are_functorch_transforms_active

from src.cells.base import Cell
from src.cells.machine import CHOICES
from src.common import checks
from src.engines.base import Engine
from src.engines.numba_cpu.fused import NumbaCPU
from src.engines.reference import Reference

log = logging.getLogger(__name__)
REFERENCE = Reference()
#: What the choices `fused` and `auto` may take; of several that cover a cell, the first.
ENGINES: list[Engine] = [NumbaCPU()]
#: Cells of which it was told why the reference engine runs them.
_told: "WeakSet[Cell]" = WeakSet()


def check(cell: Cell, choice: str | None) -> None:
    """Refuse a choice for a new network that cannot be had; say so where `auto` can only be the reference.

    Raises:
        checks.Refusal: an unknown choice, or `fused` for a cell that no engine knows.
    """
    if choice is None:
        return
    checks.choice("engine", choice, CHOICES)
    why_not = None if choice == "reference" else unknown(cell)
    if why_not is None:
        return
    if choice == "fused":
        raise checks.refuse("engine", choice, f"auto or reference on this machine: {why_not}")
    log.warning("engine=auto takes the reference engine, which is slow: %s", why_not)
    _told.add(cell)


def unknown(cell: Cell) -> str | None:
    """Why there is nothing but the reference engine for this kind of cell; None if there is."""
    return _all(engine.knows(cell) for engine in ENGINES)


def uncovered(cell: Cell, device: torch.device, dtype: torch.dtype) -> str | None:
    """Why nothing but the reference engine can run this cell as it is now; None if something can."""
    return _all(engine.covers(cell, device, dtype) for engine in ENGINES)


def engine_for(cell: Cell, choice: str | None) -> Engine:
    """What runs the next sequence of a cell; a warning tells, once a cell, why `fused` or `auto` is not to be had.

    Args:
        choice: auto, fused or reference; None is auto without a warning, for cells that offer no choice.
    """
    # Neither torch.compile nor the transforms of torch.func can look into a kernel.
    if choice == "reference" or torch.compiler.is_compiling() or _are_functorch_transforms_active():
        return REFERENCE
    weight = cell.any_weight
    if weight is None:
        return REFERENCE
    device, dtype = weight.device, weight.dtype
    for engine in ENGINES:
        if engine.covers(cell, device, dtype) is None:
            return engine
    if choice is not None and cell not in _told:
        log.warning("%s: the reference engine runs it, slower.", uncovered(cell, device, dtype))
        _told.add(cell)
    return REFERENCE


def _all(reasons: Iterable[str | None]) -> str | None:
    """All of the reasons as one; None if one engine has none."""
    told = []
    for reason in reasons:
        if reason is None:
            return None
        told.append(reason)
    return "; ".join(told)
