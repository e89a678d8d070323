"""Heads of the NTM: content, discrete shifts, sharpening; see `src.cells.ntm`."""

from .addressing import convolve, convolve_backward, repeat_twice, sharpen, sharpen_backward
from .heads import mix_content, mix_content_backward
from .numerics import like, softplus, softplus_slope
from .routine import routine
from .vectors import dot, softmax
from .views import copy, fill, span


@routine
def _shift(plan, head, scratch):
    """Set `moved` to the shifted weighting, before sharpening."""
    shifts, one = plan.shifts, like(head.raw[0], 1.0)
    mix_content(plan, head, head.before, scratch.w_gated)
    repeat_twice(scratch.w_gated, plan.slots, scratch.doubled)
    taps = span(scratch.taps, 0, shifts)
    copy(span(head.raw, plan.start.shift, shifts), taps)
    if plan.skips:
        for q in range(shifts):
            taps[q] += head.skip[q]
    softmax(taps)
    fill(scratch.moved, like(one, 0.0))
    convolve(scratch.doubled, taps, -(shifts // 2), one, plan.slots, scratch.moved)


def address(plan, constants, head, scratch):
    """As `dispatch.address`; the places of an NTM head are unused."""
    _shift(plan, head, scratch)
    gamma = like(head.raw[0], 1.0) + softplus(head.raw[plan.start.gamma])
    sharpen(scratch.moved, gamma, plan.slots, head.w)
    return head.place, head.bookmark_place


def address_backward(plan, constants, head, dhead, scratch, d):
    """As `dispatch.address_backward`."""
    shifts, draw = plan.shifts, dhead.raw
    _shift(plan, head, scratch)
    raw_gamma = head.raw[plan.start.gamma]
    one = like(raw_gamma, 1.0)
    dgamma = sharpen_backward(scratch.moved, one + softplus(raw_gamma), head.w, dhead.w, d.moved)
    draw[plan.start.gamma] += dgamma * softplus_slope(raw_gamma)

    taps, dtaps = span(scratch.taps, 0, shifts), span(d.taps, 0, shifts)
    repeat_twice(d.moved, plan.slots, d.doubled)
    fill(d.w_gated, like(one, 0.0))
    convolve_backward(scratch.doubled, taps, -(shifts // 2), one, plan.slots, d.moved, d.doubled, dtaps, d.w_gated)
    mean = dot(taps, dtaps)
    for q in range(shifts):
        dlogit = taps[q] * (dtaps[q] - mean)
        draw[plan.start.shift + q] += dlogit
        if plan.skips:
            dhead.skip[q] = dlogit
    mix_content_backward(plan, head, head.before, d.w_gated, dhead, dhead.before)
    return dhead.place, dhead.bookmark_place
