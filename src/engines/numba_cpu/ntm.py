"""Heads of the NTM: content, discrete shifts, sharpening; see `src.cells.ntm`."""

from src.engines.numba_cpu.addressing import convolve, convolve_backward, sharpen, sharpen_backward, twice
from src.engines.numba_cpu.heads import choose, choose_backward
from src.engines.numba_cpu.memory import dot, softmax
from src.engines.numba_cpu.numerics import like, softplus, softplus_slope
from src.engines.numba_cpu.plan import ROW
from src.engines.numba_cpu.routine import routine
from src.engines.numba_cpu.views import at, copy, fill, span


@routine
def _shift(plan, raw, w_content, before, room):
    """Up to the sharpening: the rotated weighting is left in `room`."""
    slots, shifts = plan.slots, plan.shifts
    choose(plan, raw, w_content, before, span(at(room, ROW.w_gated), 0, slots))
    twice(span(at(room, ROW.w_gated), 0, slots), span(at(room, ROW.doubled), 0, 2 * slots))
    taps = span(at(room, ROW.taps), 0, shifts)
    copy(span(raw, plan.start.shift, shifts), taps)
    softmax(taps)
    moved = span(at(room, ROW.moved), 0, slots)
    fill(moved, like(raw[0], 0.0))
    convolve(span(at(room, ROW.doubled), 0, 2 * slots), taps, -(shifts // 2), like(raw[0], 1.0), moved)


@routine
def address(plan, constants, raw, w_content, before, place, room, small, w):
    """Find the weighting w of one head; an NTM head carries no place beside it."""
    _shift(plan, raw, w_content, before, room)
    gamma = like(raw[0], 1.0) + softplus(raw[plan.start.gamma])
    sharpen(span(at(room, ROW.moved), 0, plan.slots), gamma, w)
    return place


@routine
def address_backward(
    plan,
    constants,
    raw,
    w_content,
    before,
    place,
    w,
    dw,
    dplace,
    room,
    small,
    draw,
    dbefore,
    dw_content,
):
    """Backward of `address`: adds to draw and dbefore, sets dw_content; returns the place's gradient before."""
    slots, shifts = plan.slots, plan.shifts
    _shift(plan, raw, w_content, before, room)
    raw_gamma = raw[plan.start.gamma]
    gamma = like(raw[0], 1.0) + softplus(raw_gamma)
    d_moved, d_gated = span(at(room, ROW.d_moved), 0, slots), span(at(room, ROW.d_gated), 0, slots)
    dgamma = sharpen_backward(span(at(room, ROW.moved), 0, slots), gamma, w, dw, d_moved)
    draw[plan.start.gamma] += dgamma * softplus_slope(raw_gamma)

    taps, dtaps = span(at(room, ROW.taps), 0, shifts), span(at(room, ROW.dtaps), 0, shifts)
    d_doubled = span(at(room, ROW.d_doubled), 0, 2 * slots)
    twice(d_moved, d_doubled)
    fill(d_gated, like(raw[0], 0.0))
    convolve_backward(
        span(at(room, ROW.doubled), 0, 2 * slots),
        taps,
        -(shifts // 2),
        like(gamma, 1.0),
        d_doubled,
        dtaps,
        d_gated,
    )
    mean = dot(taps, dtaps)
    for q in range(shifts):
        draw[plan.start.shift + q] += taps[q] * (dtaps[q] - mean)
    choose_backward(plan, raw, w_content, before, d_gated, draw, dbefore, dw_content)
    return dplace
