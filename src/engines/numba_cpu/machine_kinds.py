"""The kinds of machine that the kernels know: what their plan and their routines need of each."""

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

#: Of a machine, what the kernels do by themselves: a kind of its own may not have another.
STEPS = ("head_layout", "with_content", "address", "trace", "step", "initial_heads")


class MachineKind(NamedTuple):
    """A kind of machine, by its heads."""

    #: Fields of the plan that follow from the options of a machine.
    choices: Callable[[Any], dict[str, int]]
    #: Arguments of `bundles.constants` that follow from the options of a machine.
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
    """What is known of a class of cells, or of the nearest one above it; None if nothing is."""
    return next((KINDS[base] for base in cls.__mro__ if base in KINDS), None)


@lru_cache
def unknown(cls: type[Cell]) -> str | None:
    """Why the kernels cannot run a class of cells; None if they can."""
    if kind_of(cls) is None:
        return f"{cls.__name__} is no kind of machine that the kernels know"
    known = next(base for base in cls.__mro__ if base in KINDS)
    new = (f"{cls.__name__}.{name}" for name in STEPS if not issubclass(known, _owner(cls, name)))
    return next((f"{name} is hooked, parametrised or replaced" for name in new), None)


def unknown_controller(machine: Machine) -> str | None:
    """Why the kernels cannot run a machine's controller, whatever its layers; None if they can."""
    cls = type(machine.controller)
    return None if cls in CONTROLLER_KINDS else f"{cls.__name__} is no controller that the kernels know"


def altered(machine: Machine) -> str | None:
    """The name of a module of a machine that does more than the kernels would; None if there is none.

    They read weights and call no module: not one that was hooked, pruned, parametrised or replaced by another.
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
