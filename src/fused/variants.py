"""The kinds of heads: each brings `address` and `address_backward`, and nothing else."""

from numba import njit

from src.fused import dms_ntm, ntm
from src.fused.numerics import FAST
from src.fused.plan import NTM


@njit(fastmath=FAST, error_model="numpy")
def address(plan, constants, raw, memory, norms, found, before, place, room, small, w):
    """Find the weighting w of one head of one sequence; returns its place."""
    if plan.kind == NTM:
        return ntm.address(plan, constants, raw, memory, norms, found, before, place, room, small, w)
    return dms_ntm.address(plan, constants, raw, memory, norms, found, before, place, room, small, w)


@njit(fastmath=FAST, error_model="numpy")
def address_backward(
    plan,
    constants,
    raw,
    memory,
    norms,
    found,
    before,
    place,
    w,
    dw,
    dplace,
    room,
    small,
    draw,
    dbefore,
    dmemory,
    pull,
):
    """Backward of `address`; returns the gradient of the place before."""
    if plan.kind == NTM:
        return ntm.address_backward(
            plan,
            constants,
            raw,
            memory,
            norms,
            found,
            before,
            place,
            w,
            dw,
            dplace,
            room,
            small,
            draw,
            dbefore,
            dmemory,
            pull,
        )
    return dms_ntm.address_backward(
        plan,
        constants,
        raw,
        memory,
        norms,
        found,
        before,
        place,
        w,
        dw,
        dplace,
        room,
        small,
        draw,
        dbefore,
        dmemory,
        pull,
    )
