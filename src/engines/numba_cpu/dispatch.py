"""Dispatch of `address` and `address_backward` to the kind of head."""

from . import dms_ntm, ntm
from .plan import NTM
from .routine import inlined


@inlined
def address(plan, constants, head, scratch):
    """Set the weighting and bookmark of one head of one sequence; returns its place and that of its bookmark.

    Args:
        plan, constants: of the machine.
        head: a `Head`; its w and bookmark are set.
        scratch: a `HeadScratch`.
    """
    if plan.kind == NTM:
        return ntm.address(plan, constants, head, scratch)
    return dms_ntm.address(plan, constants, head, scratch)


@inlined
def address_backward(plan, constants, head, dhead, scratch, d):
    """Backward of `address`; returns the gradients of both places before the step.

    Args:
        plan, constants: of the machine.
        head: a `Head` as filled by the forward.
        dhead: its gradients: w, place and bookmark_place are inputs, raw and before are accumulated, w_content and
            skip are set, bookmark is overwritten.
        scratch, d: a `HeadScratch`, and another one for gradients.
    """
    if plan.kind == NTM:
        return ntm.address_backward(plan, constants, head, dhead, scratch, d)
    return dms_ntm.address_backward(plan, constants, head, dhead, scratch, d)
