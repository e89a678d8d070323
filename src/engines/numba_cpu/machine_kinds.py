"""The kinds of machine that the kernels support, and the plan and constants of each."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from torch import nn

from ...cells import boundary
from ...cells.base import Cell
from ...cells.dms_ntm import DMSNTM
from ...cells.machine import Machine
from ...cells.ntm import NTM
from . import plan
from .operation import overridden
from .weights import CONTROLLER_KINDS

#: Methods of a machine that the kernels reimplement: a machine that overrides one is not supported.
REIMPLEMENTED = frozenset(
    {"forward", "step", "trace", "head_layout", "content_fields", "with_content", "address", "initial_heads"}
    | {"_width", "_within_range", "_origin", "_move", "_snapped", "skip_size"}
)


class MachineKind(NamedTuple):
    """Options of one kind of machine that the kernels know, and functions from a machine to their arguments."""

    #: Class of its plans.
    plan: type[plan.NTMPlan] | type[plan.DMSNTMPlan]
    #: Values by option; a machine with another value is not supported.
    options: dict[str, tuple[str, ...]]
    #: Fields of `KernelPlan` that depend on the kind.
    choices: Callable[[Any], dict[str, int]]
    #: Arguments of `bundles.constants` that depend on the kind.
    constants: Callable[[Any], dict[str, Any]]


#: The options of the kernels, in the order of their numbers.
CARRIES, MOTIONS, KERNELS = ("weighting", "position"), ("relative", "hybrid", "anchored"), ("gaussian", "cauchy")


def _ntm(cell: NTM) -> dict[str, int]:
    return {"shifts": 2 * cell.shift_range + 1}


def _dms_ntm(cell: DMSNTM) -> dict[str, int]:
    return {
        "position": CARRIES.index(cell.carry),
        "hybrid": int(cell.motion == "hybrid"),
        "anchored": int(cell.motion == "anchored"),
        "cauchy": KERNELS.index(cell.kernel),
        "scales": cell.num_scales,
    }


def _dms_ntm_constants(cell: DMSNTM) -> dict[str, Any]:
    factors = cell.sigma_factor[:, 0].tolist() if any(cell.sigma_schedule) else [1.0] * cell.num_heads
    return {
        "sigma_min": cell.sigma_min,
        "sigma_max": tuple(bound or 0.0 for bound in cell.sigma_max),
        "sigma_factor": tuple(factors),
        "lattice": tuple(cell.lattice_strength.tolist()),
        "jump_range": cell.jump_range,
        "sigma_bias": tuple(map(tuple, cell.sigma_bias.tolist())),
    }


KINDS: dict[type[Machine], MachineKind] = {
    NTM: MachineKind(plan.NTMPlan, {}, _ntm, lambda _: {}),
    DMSNTM: MachineKind(
        plan.DMSNTMPlan,
        {"carry": CARRIES, "motion": MOTIONS, "kernel": KERNELS},
        _dms_ntm,
        _dms_ntm_constants,
    ),
}


@lru_cache
def kind_of(cls: type[Cell]) -> MachineKind | None:
    """The kind of a class of cells, or of its nearest base class; None if it is not supported."""
    return next((KINDS[base] for base in cls.__mro__ if base in KINDS), None)


def unknown(cell: Machine) -> str | None:
    """The reason why the kernels cannot run a cell of this class with these options; None if they can."""
    return unknown_class(type(cell)) or unknown_option(cell)


@lru_cache
def unknown_class(cls: type[Cell]) -> str | None:
    """The reason why the kernels cannot run a class of cells; None if they can."""
    if kind_of(cls) is None:
        return f"{cls.__name__} is no kind of machine that the kernels know"
    return overridden(cls, next(base for base in cls.__mro__ if base in KINDS), REIMPLEMENTED)


def unknown_option(machine: Machine) -> str | None:
    """The reason why the kernels cannot run a machine with these options; None if they can."""
    kind = kind_of(type(machine))
    assert kind is not None
    for name, values in kind.options.items():
        if (value := getattr(machine, name)) not in values:
            return f"{name}={value} is unknown to the kernels"
    fields = machine.layout.starts.keys() - set(plan.FieldStarts._fields)
    return f"{min(fields)} of a head is unknown to the kernels" if fields else None


def unknown_controller(machine: Machine) -> str | None:
    """The reason why the kernels cannot run the class of a machine's controller; None if they can."""
    cls = type(machine.controller)
    return None if cls in CONTROLLER_KINDS else f"{cls.__name__} is no controller that the kernels know"


def altered(machine: Machine) -> str | None:
    """The reason why the kernels cannot replace the modules of a machine; None if they can.

    The kernels read weights and call no module, so hooks, pruning, parametrisations and replaced modules would
    have no effect.
    """
    name = boundary.altered(machine) or _replaced(machine)
    return None if name is None else f"{name} is hooked, parametrised or replaced"


def _replaced(machine: Machine) -> str | None:
    """The name of a method or a module of a machine that was replaced; None if there is none."""
    if not REIMPLEMENTED.isdisjoint(machine.__dict__):
        return type(machine).__name__
    heads, controller = machine._modules["heads"], machine._modules["controller"]
    if type(heads) is not nn.Linear or heads.bias is None:
        return "heads"
    known = CONTROLLER_KINDS.get(type(controller))  # type: ignore[arg-type]
    return None if known is not None and known.is_plain(controller) else "controller"
