"""Dispatch of `address` and its backward to the kind of head when they are compiled, by the class of the plan."""

from numba.extending import overload

from . import dms_ntm, ntm
from .plan import DMSNTMPlan, NTMPlan
from .routine import ROUTINE

#: Module of a kind of heads, by the class of its plan.
MODULES = {NTMPlan: ntm, DMSNTMPlan: dms_ntm}


def address(plan, constants, head, scratch):
    """Set the weighting and bookmark of one head of one sequence; returns its place and that of its bookmark.

    Args:
        plan, constants: of the machine.
        head: a `Head`; its w and bookmark are set.
        scratch: a `HeadScratch`.
    """
    return MODULES[type(plan)].address(plan, constants, head, scratch)


def address_backward(plan, constants, head, dhead, scratch, d):
    """Backward of `address`; returns the gradients of both places before the step.

    Args:
        plan, constants: of the machine.
        head: a `Head` as filled by the forward.
        dhead: its gradients: w, place and bookmark_place are inputs, raw and before are accumulated, w_content and
            skip are set, bookmark is overwritten.
        scratch, d: a `HeadScratch`, and another one for gradients.
    """
    return MODULES[type(plan)].address_backward(plan, constants, head, dhead, scratch, d)


@overload(address, jit_options=ROUTINE)
def _(plan, constants, head, scratch):
    return MODULES[plan.instance_class].address


@overload(address_backward, jit_options=ROUTINE)
def _(plan, constants, head, dhead, scratch, d):
    return MODULES[plan.instance_class].address_backward
