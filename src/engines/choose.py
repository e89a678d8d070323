"""Choice of the engine that runs a cell, from the list of engines."""

import logging
from collections.abc import Iterable
from weakref import WeakSet

import torch

from ..cells import boundary
from ..cells.base import ENGINE_CHOICES, Cell
from ..common import checks
from .base import Engine
from .numba_cpu.engine import NumbaCPU
from .reference import Reference

log = logging.getLogger(__name__)
REFERENCE = Reference()
#: Engines for the choices `fused` and `auto`; the first that covers a cell runs it.
ENGINES: list[Engine] = [NumbaCPU()]
#: Cells for which the reason for the reference engine was logged.
_told: "WeakSet[Cell]" = WeakSet()


def check(cell: Cell, choice: str | None) -> None:
    """Check the choice of a new network; log a warning where `auto` can only be the reference engine.

    Raises:
        checks.Refusal: an unknown choice, or `fused` for a kind of cell that no engine supports.
    """
    if choice is None or _compiled(cell):
        return
    checks.choice("engine", choice, ENGINE_CHOICES)
    why_not = None if choice == "reference" else unknown(cell)
    if why_not is None:
        return
    if choice == "fused":
        raise checks.refuse("engine", choice, f"auto or reference on this machine: {why_not}")
    log.warning("engine=auto takes the reference engine, which is slow: %s", why_not)
    _told.add(cell)


def unknown(cell: Cell) -> str | None:
    """The reason why only the reference engine supports this kind of cell; None if another one does."""
    return _joined(engine.knows(cell) for engine in ENGINES)


def uncovered(cell: Cell, device: torch.device, dtype: torch.dtype) -> str | None:
    """The reason why only the reference engine can run this cell in its present state; None if another one can."""
    return _joined(engine.covers(cell, device, dtype) for engine in ENGINES)


def engine_for(cell: Cell, choice: str | None) -> Engine:
    """The engine for the next sequence of a cell.

    Where only the reference engine can run the cell in its present state, the reason is logged once per cell: as a
    warning for `fused`, as information for `auto`. Nothing is logged under torch.compile and torch.func, which
    cannot trace a kernel.

    Args:
        cell: the cell.
        choice: auto, fused or reference; None is auto without the log.
    """
    if choice == "reference" or _compiled(cell) or torch.compiler.is_compiling() or boundary.transformed():
        return REFERENCE
    weight = cell.any_weight
    if weight is None:
        return REFERENCE
    device, dtype = weight.device, weight.dtype
    for engine in ENGINES:
        if engine.covers(cell, device, dtype) is None:
            return engine
    if choice is not None and cell not in _told:
        level = logging.WARNING if choice == "fused" else logging.INFO
        log.log(level, "%s: the reference engine runs it, slower.", uncovered(cell, device, dtype))
        _told.add(cell)
    return REFERENCE


def _compiled(cell: Cell) -> bool:
    """Whether it is what torch.compile(cell) returns."""
    return "_orig_mod" in cell._modules


def _joined(reasons: Iterable[str | None]) -> str | None:
    """The reasons of all engines as one text; None if one engine has none."""
    found = []
    for reason in reasons:
        if reason is None:
            return None
        found.append(reason)
    return "; ".join(found)
