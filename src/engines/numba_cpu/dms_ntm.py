"""Heads of the DMS-NTM: continuous motion and a learned Gaussian focus; see `src.cells.dms_ntm`."""

from .addressing import (
    convolve,
    convolve_backward,
    gaussian,
    gaussian_backward,
    repeat_twice,
    sharpen,
    sharpen_backward,
    window,
)
from .heads import mix_content, mix_content_backward
from .numerics import like, sigmoid, softplus, softplus_slope, tanh
from .routine import inlined, routine
from .vectors import dot, softmax
from .views import copy, fill, span


@routine
def _widths(plan, constants, raw, scratch):
    """Set the widths sigma and their mixture weights."""
    sigma, mixture, bias = scratch.sigma, scratch.mixture, constants.sigma_bias
    for k in range(plan.scales):
        sigma[k] = constants.sigma_min + softplus(raw[plan.start.sigma + k] + bias[k])
        mixture[k] = raw[plan.start.mixture + k] if plan.scales > 1 else like(raw[0], 1.0)
    if plan.scales > 1:
        softmax(mixture)


@routine
def _widths_backward(plan, constants, raw, draw, scratch, d):
    """Backward of `_widths`: adds to draw."""
    mixture, dsigma, dmixture, bias = scratch.mixture, d.sigma, d.mixture, constants.sigma_bias
    mean = dot(mixture, dmixture)
    for k in range(plan.scales):
        at_sigma = plan.start.sigma + k
        draw[at_sigma] += dsigma[k] * softplus_slope(raw[at_sigma] + bias[k])
        if plan.scales > 1:
            draw[plan.start.mixture + k] += mixture[k] * (dmixture[k] - mean)


@routine
def _motion(plan, constants, raw, step):
    """Distance of the motion or jump, and gate of the jump (hybrid; else 1); sets the step weights (hybrid)."""
    if plan.hybrid == 0:
        return raw[plan.start.delta], like(raw[0], 1.0)
    copy(span(raw, plan.start.step, 3), step)
    softmax(step)
    return constants.jump_range * tanh(raw[plan.start.jump_distance]), sigmoid(raw[plan.start.jump])


@routine
def _motion_backward(plan, constants, raw, draw, step, dstep, jump, ddistance, djump):
    """Backward of `_motion`: adds to draw."""
    one = like(jump, 1.0)
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
    """carry = weighting: the weighting before sharpening, in `moved`; returns first, count, distance, jump."""
    mix_content(plan, head, head.before, scratch.w_gated)
    repeat_twice(scratch.w_gated, scratch.doubled)
    _widths(plan, constants, head.raw, scratch)
    distance, jump = _motion(plan, constants, head.raw, scratch.step)
    first, count = window(distance, scratch.sigma, plan.slots)
    taps = span(scratch.taps, 0, count)
    gaussian(distance, first, scratch.sigma, scratch.mixture, plan.slots, scratch.kernels, taps)
    fill(scratch.moved, like(jump, 0.0))
    convolve(scratch.doubled, taps, first, jump, scratch.moved)
    if plan.hybrid:
        convolve(scratch.doubled, scratch.step, -1, like(jump, 1.0) - jump, scratch.moved)
    return first, count, distance, jump


@routine
def _place(plan, constants, head, scratch):
    """carry = position: the Gaussian at the new place, in `moved`; returns place, first, count, distance, jump."""
    slots, step, moved = plan.slots, scratch.step, scratch.moved
    _widths(plan, constants, head.raw, scratch)
    distance, jump = _motion(plan, constants, head.raw, step)
    move = distance
    if plan.hybrid:
        stride = step[2] - step[0]
        move = stride + jump * (distance - stride)
    now = head.place + move
    first, count = window(now, scratch.sigma, slots)
    taps = span(scratch.taps, 0, count)
    gaussian(now, first, scratch.sigma, scratch.mixture, slots, scratch.kernels, taps)
    fill(moved, like(jump, 0.0))
    for q in range(count):
        moved[(first + q) % slots] += taps[q]
    return now, first, count, distance, jump


@routine
def address(plan, constants, head, scratch):
    """As `dispatch.address`; with carry = position, the place is the position of the head."""
    if plan.position:
        now, _, _, _, _ = _place(plan, constants, head, scratch)
        mix_content(plan, head, scratch.moved, head.w)
        return now
    _move(plan, constants, head, scratch)
    gamma = like(head.raw[0], 1.0) + softplus(head.raw[plan.start.gamma])
    sharpen(scratch.moved, gamma, head.w)
    return head.place


@routine
def address_backward(plan, constants, head, dhead, scratch, d):
    """As `dispatch.address_backward`."""
    if plan.position:
        return _place_backward(plan, constants, head, dhead, scratch, d)
    return _move_backward(plan, constants, head, dhead, scratch, d)


@inlined
def _place_backward(plan, constants, head, dhead, scratch, d):
    """`address_backward` with carry = position."""
    slots, raw, draw, step, dstep, dmoved = plan.slots, head.raw, dhead.raw, scratch.step, d.step, d.moved
    zero, one = like(raw[0], 0.0), like(raw[0], 1.0)
    sigma, mixture = scratch.sigma, scratch.mixture
    fill(dstep, zero)
    now, first, count, distance, jump = _place(plan, constants, head, scratch)
    fill(dmoved, zero)
    mix_content_backward(plan, head, scratch.moved, dhead.w, dhead, dmoved)
    dtaps = span(d.taps, 0, count)
    for q in range(count):
        dtaps[q] = dmoved[(first + q) % slots]
    dnow = dhead.place + gaussian_backward(
        now, first, sigma, mixture, slots, scratch.kernels, dtaps, d.sigma, d.mixture
    )
    ddistance, djump = dnow, zero
    if plan.hybrid:
        ddistance = dnow * jump
        djump = dnow * (distance - (step[2] - step[0]))
        dstep[2] = dnow * (one - jump)
        dstep[0] = -dstep[2]
    _widths_backward(plan, constants, raw, draw, scratch, d)
    _motion_backward(plan, constants, raw, draw, step, dstep, jump, ddistance, djump)
    return dnow


@inlined
def _move_backward(plan, constants, head, dhead, scratch, d):
    """`address_backward` with carry = weighting."""
    raw, draw, step, dstep = head.raw, dhead.raw, scratch.step, d.step
    zero, one = like(raw[0], 0.0), like(raw[0], 1.0)
    fill(dstep, zero)
    first, count, distance, jump = _move(plan, constants, head, scratch)
    raw_gamma = raw[plan.start.gamma]
    dgamma = sharpen_backward(scratch.moved, one + softplus(raw_gamma), head.w, dhead.w, d.moved)
    draw[plan.start.gamma] += dgamma * softplus_slope(raw_gamma)
    repeat_twice(d.moved, d.doubled)
    fill(d.w_gated, zero)
    taps, dtaps = span(scratch.taps, 0, count), span(d.taps, 0, count)
    convolve_backward(scratch.doubled, taps, first, jump, d.doubled, dtaps, d.w_gated)
    djump = zero
    if plan.hybrid:
        convolve_backward(scratch.doubled, step, -1, one - jump, d.doubled, dstep, d.w_gated)
        djump = dot(taps, dtaps) - dot(step, dstep)
        for q in range(3):
            dstep[q] *= one - jump
        for q in range(count):
            dtaps[q] *= jump
    sigma, mixture = scratch.sigma, scratch.mixture
    ddistance = gaussian_backward(
        distance, first, sigma, mixture, plan.slots, scratch.kernels, dtaps, d.sigma, d.mixture
    )
    _widths_backward(plan, constants, raw, draw, scratch, d)
    _motion_backward(plan, constants, raw, draw, step, dstep, jump, ddistance, djump)
    mix_content_backward(plan, head, head.before, d.w_gated, dhead, dhead.before)
    return dhead.place
