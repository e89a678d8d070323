"""The kinds of heads: each brings `address` and `address_backward`, and nothing else."""

from src.engines.numba_cpu import dms_ntm, ntm
from src.engines.numba_cpu.plan import NTM
from src.engines.numba_cpu.routine import routine


@routine
def address(plan, *arrays):
    """Find the weighting of one head of one sequence; returns its place. The arguments are those of each kind."""
    if plan.kind == NTM:
        return ntm.address(plan, *arrays)
    return dms_ntm.address(plan, *arrays)


@routine
def address_backward(plan, *arrays):
    """Backward of `address`; returns the gradient of the place before."""
    if plan.kind == NTM:
        return ntm.address_backward(plan, *arrays)
    return dms_ntm.address_backward(plan, *arrays)
