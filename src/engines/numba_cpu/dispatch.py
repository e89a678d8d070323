"""The kinds of heads: each brings `address` and `address_backward`, and nothing else."""

from src.engines.numba_cpu import dms_ntm, ntm
from src.engines.numba_cpu.plan import NTM
from src.engines.numba_cpu.routine import inlined


@inlined
def address(plan, constants, head, scratch):
    """Set the weighting of one head of one sequence; returns its place.

    Args:
        plan, constants: of the machine.
        head: a `Head`, of which w is set.
        scratch: a `HeadScratch`.
    """
    if plan.kind == NTM:
        return ntm.address(plan, constants, head, scratch)
    return dms_ntm.address(plan, constants, head, scratch)


@inlined
def address_backward(plan, constants, head, dhead, scratch, d):
    """Backward of `address`; returns the gradient of the place before.

    Args:
        plan, constants: of the machine.
        head: a `Head` as the forward left it.
        dhead: its gradients: w and place are given, raw and before are added to, w_content is set.
        scratch, d: a `HeadScratch`, and one for gradients.
    """
    if plan.kind == NTM:
        return ntm.address_backward(plan, constants, head, dhead, scratch, d)
    return dms_ntm.address_backward(plan, constants, head, dhead, scratch, d)
