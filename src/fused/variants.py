"""The kinds of heads: each brings `address` and `address_backward`, and nothing else."""

from numba import njit

from src.fused import dms_ntm, ntm
from src.fused.numerics import FAST
from src.fused.plan import NTM


@njit(fastmath=FAST, error_model="numpy")
def address(plan, *arrays):
    """Find the weighting of one head of one sequence; returns its place. The arguments are those of each kind."""
    if plan.kind == NTM:
        return ntm.address(plan, *arrays)
    return dms_ntm.address(plan, *arrays)


@njit(fastmath=FAST, error_model="numpy")
def address_backward(plan, *arrays):
    """Backward of `address`; returns the gradient of the place before."""
    if plan.kind == NTM:
        return ntm.address_backward(plan, *arrays)
    return dms_ntm.address_backward(plan, *arrays)
