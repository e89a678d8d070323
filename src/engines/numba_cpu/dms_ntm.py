"""Heads of the DMS-NTM: continuous motion and a learned Gaussian focus; see `src.cells.dms_ntm`."""

from src.engines.numba_cpu.addressing import (
    convolve,
    convolve_backward,
    gaussian,
    gaussian_backward,
    sharpen,
    sharpen_backward,
    twice,
    window,
)
from src.engines.numba_cpu.heads import choose, choose_backward
from src.engines.numba_cpu.memory import dot, softmax
from src.engines.numba_cpu.numerics import like, sigmoid, softplus, softplus_slope, tanh
from src.engines.numba_cpu.plan import ROW
from src.engines.numba_cpu.routine import routine
from src.engines.numba_cpu.views import at, copy, fill, span

#: Where `constants` holds what.
SIGMA_MIN, JUMP_RANGE, SIGMA_BIAS = range(3)


@routine
def _widths(plan, constants, raw, sigma, mixture):
    """The widths and their shares."""
    for k in range(plan.scales):
        sigma[k] = constants[SIGMA_MIN] + softplus(raw[plan.start.sigma + k] + constants[SIGMA_BIAS + k])
        mixture[k] = raw[plan.start.mixture + k] if plan.scales > 1 else like(raw[0], 1.0)
    if plan.scales > 1:
        softmax(mixture)


@routine
def _widths_backward(plan, constants, raw, mixture, dsigma, dmixture, draw):
    mean = dot(mixture, dmixture)
    for k in range(plan.scales):
        at_sigma = plan.start.sigma + k
        draw[at_sigma] += dsigma[k] * softplus_slope(raw[at_sigma] + constants[SIGMA_BIAS + k])
        if plan.scales > 1:
            draw[plan.start.mixture + k] += mixture[k] * (dmixture[k] - mean)


@routine
def _motion(plan, constants, raw, step):
    """What the head does: the distance of the shift or jump, and the gate of the jump (hybrid)."""
    if plan.hybrid == 0:
        return raw[plan.start.delta], like(raw[0], 1.0)
    copy(span(raw, plan.start.step, 3), step)
    softmax(step)
    return constants[JUMP_RANGE] * tanh(raw[plan.start.jump_distance]), sigmoid(raw[plan.start.jump])


@routine
def _motion_backward(plan, constants, raw, step, jump, ddistance, djump, dstep, draw):
    one = like(jump, 1.0)
    if plan.hybrid == 0:
        draw[plan.start.delta] += ddistance
        return
    turn = tanh(raw[plan.start.jump_distance])
    draw[plan.start.jump_distance] += ddistance * constants[JUMP_RANGE] * (one - turn * turn)
    draw[plan.start.jump] += djump * jump * (one - jump)
    mean = dot(step, dstep)
    for q in range(3):
        draw[plan.start.step + q] += step[q] * (dstep[q] - mean)


@routine
def _move(plan, constants, raw, w_content, before, room, small):
    """carry = weighting, up to the sharpening: returns first, count, distance, jump."""
    slots = plan.slots
    step, sigma, mixture = (
        span(at(small, 0), 0, 3),
        span(at(small, 1), 0, plan.scales),
        span(at(small, 2), 0, plan.scales),
    )
    choose(plan, raw, w_content, before, span(at(room, ROW.w_gated), 0, slots))
    doubled = span(at(room, ROW.doubled), 0, 2 * slots)
    twice(span(at(room, ROW.w_gated), 0, slots), doubled)
    _widths(plan, constants, raw, sigma, mixture)
    distance, jump = _motion(plan, constants, raw, step)
    first, count = window(distance, sigma, slots)
    taps = span(at(room, ROW.taps), 0, count)
    gaussian(distance, first, sigma, mixture, slots, span(room, ROW.kernels, plan.scales), taps)
    moved = span(at(room, ROW.moved), 0, slots)
    fill(moved, like(raw[0], 0.0))
    convolve(doubled, taps, first, jump, moved)
    if plan.hybrid:
        convolve(doubled, step, -1, like(jump, 1.0) - jump, moved)
    return first, count, distance, jump


@routine
def _place(plan, constants, raw, place, room, small):
    """carry = position: returns the new place and the motion behind it, and renders it into `moved`."""
    slots = plan.slots
    step, sigma, mixture = (
        span(at(small, 0), 0, 3),
        span(at(small, 1), 0, plan.scales),
        span(at(small, 2), 0, plan.scales),
    )
    _widths(plan, constants, raw, sigma, mixture)
    distance, jump = _motion(plan, constants, raw, step)
    move = distance
    if plan.hybrid:
        stride = step[2] - step[0]
        move = stride + jump * (distance - stride)
    now = place + move
    first, count = window(now, sigma, slots)
    taps = span(at(room, ROW.taps), 0, count)
    gaussian(now, first, sigma, mixture, slots, span(room, ROW.kernels, plan.scales), taps)
    moved = span(at(room, ROW.moved), 0, slots)
    fill(moved, like(raw[0], 0.0))
    for q in range(count):
        moved[(first + q) % slots] += taps[q]
    return now, first, count, distance, jump


@routine
def address(plan, constants, raw, w_content, before, place, room, small, w):
    """Find the weighting w of one head, and return its place: its real position with carry = position."""
    slots = plan.slots
    moved = span(at(room, ROW.moved), 0, slots)
    if plan.position:
        now, _, _, _, _ = _place(plan, constants, raw, place, room, small)
        choose(plan, raw, w_content, moved, w)
        return now
    _move(plan, constants, raw, w_content, before, room, small)
    gamma = like(raw[0], 1.0) + softplus(raw[plan.start.gamma])
    sharpen(moved, gamma, w)
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
    slots, scales = plan.slots, plan.scales
    step, sigma, mixture = span(at(small, 0), 0, 3), span(at(small, 1), 0, scales), span(at(small, 2), 0, scales)
    dstep, dsigma, dmixture = (
        span(at(small, 3), 0, 3),
        span(at(small, 4), 0, scales),
        span(at(small, 5), 0, scales),
    )
    d_moved, d_gated = span(at(room, ROW.d_moved), 0, slots), span(at(room, ROW.d_gated), 0, slots)
    moved, kernels = span(at(room, ROW.moved), 0, slots), span(room, ROW.kernels, plan.scales)
    zero, one = like(raw[0], 0.0), like(raw[0], 1.0)
    fill(dstep, zero)

    if plan.position:
        now, first, count, distance, jump = _place(plan, constants, raw, place, room, small)
        fill(d_moved, zero)
        choose_backward(plan, raw, w_content, moved, dw, draw, d_moved, dw_content)
        dtaps = span(at(room, ROW.dtaps), 0, count)
        for q in range(count):
            dtaps[q] = d_moved[(first + q) % slots]
        dnow = dplace + gaussian_backward(now, first, sigma, mixture, slots, kernels, dtaps, dsigma, dmixture)
        ddistance, djump = dnow, zero
        if plan.hybrid:
            ddistance = dnow * jump
            djump = dnow * (distance - (step[2] - step[0]))
            dstep[2] = dnow * (one - jump)
            dstep[0] = -dstep[2]
        _widths_backward(plan, constants, raw, mixture, dsigma, dmixture, draw)
        _motion_backward(plan, constants, raw, step, jump, ddistance, djump, dstep, draw)
        return dnow

    first, count, distance, jump = _move(plan, constants, raw, w_content, before, room, small)
    gamma = one + softplus(raw[plan.start.gamma])
    draw[plan.start.gamma] += sharpen_backward(moved, gamma, w, dw, d_moved) * softplus_slope(
        raw[plan.start.gamma]
    )
    doubled, d_doubled = span(at(room, ROW.doubled), 0, 2 * slots), span(at(room, ROW.d_doubled), 0, 2 * slots)
    twice(d_moved, d_doubled)
    fill(d_gated, zero)
    taps, dtaps = span(at(room, ROW.taps), 0, count), span(at(room, ROW.dtaps), 0, count)
    convolve_backward(doubled, taps, first, jump, d_doubled, dtaps, d_gated)
    djump = zero
    if plan.hybrid:
        convolve_backward(doubled, step, -1, one - jump, d_doubled, dstep, d_gated)
        djump = dot(taps, dtaps) - dot(step, dstep)
        for q in range(3):
            dstep[q] *= one - jump
        for q in range(count):
            dtaps[q] *= jump
    ddistance = gaussian_backward(distance, first, sigma, mixture, slots, kernels, dtaps, dsigma, dmixture)
    _widths_backward(plan, constants, raw, mixture, dsigma, dmixture, draw)
    _motion_backward(plan, constants, raw, step, jump, ddistance, djump, dstep, draw)
    choose_backward(plan, raw, w_content, before, d_gated, draw, dbefore, dw_content)
    return dplace
