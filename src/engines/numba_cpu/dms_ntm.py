"""Heads of the DMS-NTM: continuous motion and a focus of learned width; see `src.cells.dms_ntm`."""

import numpy as np

from .addressing import (
    convolve,
    convolve_backward,
    focus,
    focus_backward,
    place_on_ring,
    place_on_ring_backward,
    repeat_twice,
    sharpen,
    sharpen_backward,
    window,
    with_padding,
)
from .anchors import origin, origin_backward, origin_place, set_bookmark, set_bookmark_backward
from .heads import mix_content, mix_content_backward
from .numerics import like, sigmoid, snap, snap_slope, softplus, softplus_slope, tanh
from .routine import inlined, routine
from .vectors import dot, softmax
from .views import at, copy, fill, span

#: Offset of the first step weight; `convolve` would be compiled once more for a literal.
STEP = np.int64(-1)


@routine
def _widths(plan, constants, head, scratch):
    """Set the widths sigma and their mixture weights."""
    raw, sigma, mixture, bias = head.raw, scratch.sigma, scratch.mixture, at(constants.sigma_bias, head.number)
    most = constants.sigma_max[head.number]
    spread = most - constants.sigma_min
    for k in range(plan.scales):
        number = raw[plan.start.sigma + k] + bias[k]
        width = spread * sigmoid(number) if most > 0 else softplus(number)
        sigma[k] = constants.sigma_factor[head.number] * (constants.sigma_min + width)
        mixture[k] = raw[plan.start.mixture + k] if plan.scales > 1 else like(raw[0], 1.0)
    if plan.scales > 1:
        softmax(mixture)


@routine
def _widths_backward(plan, constants, head, draw, scratch, d):
    """Backward of `_widths`: adds to draw."""
    mixture, dsigma, dmixture = scratch.mixture, d.sigma, d.mixture
    raw, bias = head.raw, at(constants.sigma_bias, head.number)
    most = constants.sigma_max[head.number]
    mean = dot(mixture, dmixture)
    for k in range(plan.scales):
        at_sigma = plan.start.sigma + k
        number = raw[at_sigma] + bias[k]
        if most > 0:
            share = sigmoid(number)
            slope = (most - constants.sigma_min) * share * (like(share, 1.0) - share)
        else:
            slope = softplus_slope(number)
        draw[at_sigma] += dsigma[k] * constants.sigma_factor[head.number] * slope
        if plan.scales > 1:
            draw[plan.start.mixture + k] += mixture[k] * (dmixture[k] - mean)


@routine
def _motion(plan, constants, head, step):
    """Distance of the motion or jump, and gate of the jump (hybrid; else 1); sets the step weights (hybrid)."""
    raw = head.raw
    seen = head.skip[0] if plan.skips else like(raw[0], 0.0)
    if plan.hybrid == 0:
        return raw[plan.start.delta] + seen, like(raw[0], 1.0)
    copy(span(raw, plan.start.step, 3), step)
    softmax(step)
    return constants.jump_range * tanh(raw[plan.start.jump_distance]) + seen, sigmoid(raw[plan.start.jump])


@routine
def _motion_backward(plan, constants, raw, dhead, step, dstep, jump, ddistance, djump):
    """Backward of `_motion`: sets dhead.skip and adds to dhead.raw."""
    draw, one = dhead.raw, like(jump, 1.0)
    if plan.skips:
        dhead.skip[0] = ddistance
    if plan.hybrid == 0:
        draw[plan.start.delta] += ddistance
        return
    tanh_raw = tanh(raw[plan.start.jump_distance])
    draw[plan.start.jump_distance] += ddistance * constants.jump_range * (one - tanh_raw * tanh_raw)
    draw[plan.start.jump] += djump * jump * (one - jump)
    mean = dot(step, dstep)
    for q in range(3):
        draw[plan.start.step + q] += step[q] * (dstep[q] - mean)


@routine
def _move(plan, constants, head, scratch):
    """carry = weighting: the weighting before sharpening, in `moved`; returns first, count, distance, jump.

    The distance is that before it is snapped.
    """
    origin(plan, head, scratch)
    mix_content(plan, head, scratch.origin, scratch.w_gated)
    repeat_twice(scratch.w_gated, plan.slots, scratch.doubled)
    _widths(plan, constants, head, scratch)
    distance, jump = _motion(plan, constants, head, scratch.step)
    shift = snap(distance, constants.lattice[head.number])
    first, count = window(shift, scratch.sigma, plan.slots, plan.cauchy)
    taps = with_padding(scratch.taps, count)
    focus(shift, first, count, scratch.sigma, scratch.mixture, plan.slots, plan.cauchy, scratch.kernels, taps)
    fill(scratch.moved, like(jump, 0.0))
    convolve(scratch.doubled, span(taps, 0, count), first, jump, plan.slots, scratch.moved)
    if plan.hybrid:
        convolve(scratch.doubled, scratch.step, STEP, like(jump, 1.0) - jump, plan.slots, scratch.moved)
    return first, count, distance, jump


@routine
def _place(plan, constants, head, scratch):
    """carry = position: the focus at the new place, in `moved`; returns place, first, count, distance, jump.

    The place is that before it is snapped.
    """
    slots, step = plan.slots, scratch.step
    _widths(plan, constants, head, scratch)
    distance, jump = _motion(plan, constants, head, step)
    move = distance
    if plan.hybrid:
        stride = step[2] - step[0]
        move = stride + jump * (distance - stride)
    place = origin_place(plan, head, scratch) + move
    now = snap(place, constants.lattice[head.number])
    first, count = window(now, scratch.sigma, slots, plan.cauchy)
    taps = with_padding(scratch.taps, count)
    focus(now, first, count, scratch.sigma, scratch.mixture, slots, plan.cauchy, scratch.kernels, taps)
    place_on_ring(taps, first, slots, scratch.doubled, scratch.moved)
    return place, first, count, distance, jump


def address(plan, constants, head, scratch):
    """As `dispatch.address`; with carry = position, the places are those of the head and of its bookmark."""
    if plan.position:
        place, _, _, _, _ = _place(plan, constants, head, scratch)
        mix_content(plan, head, scratch.moved, head.w)
        now = snap(place, constants.lattice[head.number])
        return now, set_bookmark(plan, head, now)
    _move(plan, constants, head, scratch)
    gamma = like(head.raw[0], 1.0) + softplus(head.raw[plan.start.gamma])
    sharpen(scratch.moved, gamma, plan.slots, head.w)
    return head.place, set_bookmark(plan, head, head.place)


def address_backward(plan, constants, head, dhead, scratch, d):
    """As `dispatch.address_backward`."""
    if plan.position:
        return _place_backward(plan, constants, head, dhead, scratch, d)
    return _move_backward(plan, constants, head, dhead, scratch, d)


@inlined
def _place_backward(plan, constants, head, dhead, scratch, d):
    """`address_backward` with carry = position."""
    slots, raw, step, dstep, dmoved = plan.slots, head.raw, scratch.step, d.step, d.moved
    zero, one = like(raw[0], 0.0), like(raw[0], 1.0)
    sigma, mixture = scratch.sigma, scratch.mixture
    fill(dstep, zero)
    place, first, count, distance, jump = _place(plan, constants, head, scratch)
    now = snap(place, constants.lattice[head.number])
    fill(dmoved, zero)
    mix_content_backward(plan, head, scratch.moved, dhead.w, dhead, dmoved)
    dtaps = with_padding(d.taps, count)
    place_on_ring_backward(dmoved, first, slots, d.doubled, dtaps)
    dfocus = focus_backward(
        now, first, count, sigma, mixture, slots, plan.cauchy, scratch.kernels, dtaps, d.sigma, d.mixture
    )
    stored, dbookmark_place = set_bookmark_backward(plan, head, dhead, now)
    dplace = (dhead.place + stored + dfocus) * snap_slope(place, constants.lattice[head.number])
    ddistance, djump = dplace, zero
    if plan.hybrid:
        ddistance = dplace * jump
        djump = dplace * (distance - (step[2] - step[0]))
        dstep[2] = dplace * (one - jump)
        dstep[0] = -dstep[2]
    _widths_backward(plan, constants, head, dhead.raw, scratch, d)
    _motion_backward(plan, constants, raw, dhead, step, dstep, jump, ddistance, djump)
    return origin_backward(plan, head, dhead, scratch, d, dplace, dbookmark_place)


@inlined
def _move_backward(plan, constants, head, dhead, scratch, d):
    """`address_backward` with carry = weighting."""
    raw, draw, step, dstep = head.raw, dhead.raw, scratch.step, d.step
    zero, one = like(raw[0], 0.0), like(raw[0], 1.0)
    fill(dstep, zero)
    first, count, distance, jump = _move(plan, constants, head, scratch)
    _, dbookmark_place = set_bookmark_backward(plan, head, dhead, head.place)
    raw_gamma = raw[plan.start.gamma]
    dgamma = sharpen_backward(scratch.moved, one + softplus(raw_gamma), head.w, dhead.w, d.moved)
    draw[plan.start.gamma] += dgamma * softplus_slope(raw_gamma)
    repeat_twice(d.moved, plan.slots, d.doubled)
    fill(d.w_gated, zero)
    taps, dtaps = span(scratch.taps, 0, count), span(d.taps, 0, count)
    convolve_backward(scratch.doubled, taps, first, jump, plan.slots, d.moved, d.doubled, dtaps, d.w_gated)
    djump = zero
    if plan.hybrid:
        convolve_backward(
            scratch.doubled, step, STEP, one - jump, plan.slots, d.moved, d.doubled, dstep, d.w_gated
        )
        djump = dot(taps, dtaps) - dot(step, dstep)
        for q in range(3):
            dstep[q] *= one - jump
        for q in range(count):
            dtaps[q] *= jump
    sigma, mixture = scratch.sigma, scratch.mixture
    dshift = focus_backward(
        snap(distance, constants.lattice[head.number]),
        first,
        count,
        sigma,
        mixture,
        plan.slots,
        plan.cauchy,
        scratch.kernels,
        with_padding(d.taps, count),
        d.sigma,
        d.mixture,
    )
    ddistance = dshift * snap_slope(distance, constants.lattice[head.number])
    _widths_backward(plan, constants, head, draw, scratch, d)
    _motion_backward(plan, constants, raw, dhead, step, dstep, jump, ddistance, djump)
    fill(d.origin, zero)
    mix_content_backward(plan, head, scratch.origin, d.w_gated, dhead, d.origin)
    return origin_backward(plan, head, dhead, scratch, d, dhead.place, dbookmark_place)
