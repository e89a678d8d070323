"""Arguments of the kernels that are not arrays of a sequence: the plan and the constants of a machine."""

from functools import lru_cache

import numpy as np

from ...cells.machine import Machine
from . import plan
from .bundles import constants
from .machine_kinds import MachineKind


class KernelSettings:
    """Arguments of the kernels that are not arrays: dtype, plan and constants of a machine."""

    def __init__(
        self, machine: Machine, kind: MachineKind, controller: int, hidden: int, slots: int, dtype: np.dtype
    ) -> None:
        self.dtype = dtype
        if changed := machine.changed_options():
            raise ValueError(
                f"{changed}: changed after construction, no longer fits the weights; make another machine"
            )
        counters = getattr(machine.controller, "counters", 0)
        self.plan = kind.plan(
            controller=controller,
            hidden=hidden,
            slots=slots,
            width=plan.padded(slots),
            words=machine.word_size,
            reads=machine.read_heads,
            writes=machine.write_heads,
            head_size=machine.layout.size,
            start=_starts(tuple(machine.layout.starts.items())),
            content=int(machine.content_addressing),
            counters=counters,
            linear=counters * getattr(machine.controller, "linear_candidate", False),
            skips=0 if machine.skip is None else machine.skip_size,
            **kind.choices(machine),
        )
        clip = np.inf if machine.output_clip is None else float(machine.output_clip)
        self.constants = constants(dtype, clip=clip, **kind.constants(machine))


@lru_cache
def _starts(fields: tuple[tuple[str, int], ...]) -> plan.FieldStarts:
    return plan.FieldStarts(**dict(fields))
