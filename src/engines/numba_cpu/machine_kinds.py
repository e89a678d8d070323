"""The kinds of machine that the kernels support, and the plan and constants of each."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from torch import nn

from src.cells import boundary
from src.cells.base import Cell
from src.cells.dms_ntm import DMSNTM
from src.cells.machine import Machine
from src.cells.ntm import NTM
from src.engines.numba_cpu import plan
from src.engines.numba_cpu.weights import CONTROLLER_KINDS

#: Methods of a machine that the kernels reimplement: a subclass that overrides one is not supported.
REIMPLEMENTED = ("head_layout", "with_content", "address", "trace", "step", "initial_heads")


class MachineKind(NamedTuple):
    """Functions from a machine of one kind to the arguments of the kernels."""

    #: Fields of `KernelPlan` that depend on the kind.
    choices: Callable[[Any], dict[str, int]]
    #: Arguments of `bundles.constants` that depend on the kind.
    constants: Callable[[Any], dict[str, Any]]


def _ntm(cell: NTM) -> dict[str, int]:
    return {"kind": plan.NTM, "content": int(cell.content_addressing), "shifts": 2 * cell.shift_range + 1}


def _dms_ntm(cell: DMSNTM) -> dict[str, int]:
    return {
        "kind": plan.DMS_NTM,
        "content": int(cell.content_addressing),
        "position": int(cell.carry == "position"),
        "hybrid": int(cell.motion == "hybrid"),
        "scales": cell.num_scales,
    }


def _dms_ntm_constants(cell: DMSNTM) -> dict[str, Any]:
    sigma_min, jump_range = float(cell.sigma_min), float(cell.jump_range)
    return {"sigma_min": sigma_min, "jump_range": jump_range, "sigma_bias": cell.sigma_bias.tolist()}


KINDS: dict[type[Machine], MachineKind] = {
    NTM: MachineKind(_ntm, lambda _: {}),
    DMSNTM: MachineKind(_dms_ntm, _dms_ntm_constants),
}


@lru_cache
def kind_of(cls: type[Cell]) -> MachineKind | None:
    """The kind of a class of cells, or of its nearest base class; None if it is not supported."""
    return next((KINDS[base] for base in cls.__mro__ if base in KINDS), None)


@lru_cache
def unknown(cls: type[Cell]) -> str | None:
    """The reason why the kernels cannot run a class of cells; None if they can."""
    if kind_of(cls) is None:
        return f"{cls.__name__} is no kind of machine that the kernels know"
    known = next(base for base in cls.__mro__ if base in KINDS)
    overridden = (f"{cls.__name__}.{name}" for name in REIMPLEMENTED if not issubclass(known, _owner(cls, name)))
    return next((f"{name} is hooked, parametrised or replaced" for name in overridden), None)


def unknown_controller(machine: Machine) -> str | None:
    """The reason why the kernels cannot run the class of a machine's controller; None if they can."""
    cls = type(machine.controller)
    return None if cls in CONTROLLER_KINDS else f"{cls.__name__} is no controller that the kernels know"


def altered(machine: Machine) -> str | None:
    """The name of a module of a machine that the kernels cannot replace; None if there is none.

    The kernels read weights and call no module, so hooks, pruning, parametrisations and replaced modules would
    have no effect.
    """
    name = boundary.altered(machine)
    if name is not None:
        return name
    heads, controller = machine._modules["heads"], machine._modules["controller"]
    if type(heads) is not nn.Linear or heads.bias is None:
        return "heads"
    known = CONTROLLER_KINDS.get(type(controller))  # type: ignore[arg-type]
    return None if known is not None and known.is_plain(controller) else "controller"


def _owner(cls: type, method: str) -> type:
    return next(base for base in cls.__mro__ if method in vars(base))
