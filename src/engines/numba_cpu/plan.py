"""What a kernel has to know of a machine: sizes and choices, all of them run-time values."""

from typing import NamedTuple

#: Steps between two memories that the forward keeps for the backward.
SEGMENT = 8
#: Numbers in a vector; the columns of weights and of products come in multiples of it.
LANES = 16

LSTM, GRU, FEEDFORWARD = range(3)
#: Sums that each kind of controller has for one output.
GATES = (4, 4, 1)
NTM, DMS_NTM = range(2)


class FieldStarts(NamedTuple):
    """Where each field of a head's raw numbers begins, by its name in the cell's layout; -1 where it is absent."""

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


class KernelPlan(NamedTuple):
    """Sizes and choices of a machine, as integers.

    After the raw numbers of all heads come, for every write head, erase M and add M.
    """

    kind: int  # NTM | DMS_NTM
    controller: int  # LSTM | GRU | FEEDFORWARD
    hidden: int  # C
    slots: int  # N
    words: int  # M
    reads: int  # R
    writes: int  # W
    head_size: int  # raw numbers of a head
    start: FieldStarts  # where each of them begins
    content: int  # 1: content addressing
    shifts: int = 1  # 2 r + 1 (NTM)
    position: int = 0  # 1: carry = position (DMS-NTM)
    hybrid: int = 0  # 1: motion = hybrid (DMS-NTM)
    scales: int = 1  # K (DMS-NTM)


def padded(columns: int) -> int:
    """The least multiple of LANES that holds so many columns."""
    return -(-columns // LANES) * LANES
