"""Plan of a kernel: sizes and options of a machine, as integers that are arguments at run time."""

from typing import ClassVar, NamedTuple

#: Steps between two memory checkpoints that the forward stores for the backward.
SEGMENT = 8
#: Numbers in a vector register; columns of weights and products are padded to a multiple of it.
LANES = 16

LSTM, GRU, FEEDFORWARD = range(3)


class FieldStarts(NamedTuple):
    """Offset of each field in a head's raw numbers, by its name in the cell's layout; -1 for an absent field."""

    key: int = -1
    beta: int = -1
    gate: int = -1
    shift: int = -1
    gamma: int = -1
    sigma: int = -1
    mixture: int = -1
    delta: int = -1
    step: int = -1
    jump: int = -1
    jump_distance: int = -1
    anchor: int = -1
    store: int = -1


class KernelPlan(NamedTuple):
    """Sizes and options of a machine, as integers; its class tells the kind of heads.

    The raw numbers are those of all heads, then for each write head M of erase and M of add.
    """

    controller: int  # LSTM | GRU | FEEDFORWARD
    hidden: int  # C
    slots: int  # N
    width: int  # N padded: the length of an array over the slots
    words: int  # M
    reads: int  # R
    writes: int  # W
    head_size: int  # raw numbers of a head
    start: FieldStarts  # offsets of their fields
    content: int  # 1: content-based addressing
    counters: int = 0  # cells of an LSTM that count
    linear: int = 0  # of these, those whose candidate is not squashed: none or all
    skips: int = 0  # numbers of a head that see the input, S; 0: no input skip
    shifts: int = 1  # 2 r + 1 (NTM)
    position: int = 0  # 1: carry = position (DMS-NTM)
    hybrid: int = 0  # 1: motion = hybrid (DMS-NTM)
    anchored: int = 0  # 1: motion = anchored (DMS-NTM)
    cauchy: int = 0  # 1: kernel = cauchy (DMS-NTM)
    scales: int = 1  # K (DMS-NTM)


class NTMPlan(KernelPlan):
    """Plan of an NTM. Kernels are compiled for a type: those of an NTM have no code for other heads."""

    __slots__ = ()
    kind: ClassVar[str] = "ntm"


class DMSNTMPlan(KernelPlan):
    """Plan of a DMS-NTM."""

    __slots__ = ()
    kind: ClassVar[str] = "dms_ntm"


#: The classes of plans by the kind of machine.
PLANS: dict[str, type[NTMPlan] | type[DMSNTMPlan]] = {plan.kind: plan for plan in (NTMPlan, DMSNTMPlan)}


def padded(columns: int) -> int:
    """The number of columns rounded up to a multiple of LANES."""
    return -(-columns // LANES) * LANES
