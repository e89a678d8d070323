"""The kinds of heads: each brings `address` and `address_backward`, and nothing else."""

from src.fused import dms_ntm, ntm
from src.fused.plan import NTM
from src.fused.routine import routine


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
