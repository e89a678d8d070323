"""Backward kernel: a whole sequence of a machine, for some rows of a batch.

It recomputes the memory of each step from the checkpoints that the forward kernel stored at every SEGMENT-th step.
"""

import numpy as np
from numba import njit

from . import denormals
from .bundles import Constants, Gradients, Replay, StepGradients, Tape, Weights
from .controllers import control_backward
from .memory_step import copy_words, use_memory_backward, write_to
from .numerics import like
from .plan import FEEDFORWARD, SEGMENT, KernelPlan
from .products import accumulate
from .routine import KERNEL, inlined, routine
from .scratch import sequence_scratch, step_views
from .views import at, copy, fill, flipped, keep_alive, span, uncounted


@njit(**KERNEL)
def backward(
    plan: KernelPlan,
    constants: Constants,
    first: int,
    last: int,
    weights: Weights,
    tape: Tape,
    gradients: Gradients,
) -> None:
    """Backward of `forward`.

    Args:
        plan, constants, first, last: as for the forward.
        weights: transposed, gates [G, U] and heads [P, C]; the bias is not read.
        tape: as filled by the forward.
        gradients: those of the outputs are inputs; all others are set or accumulated.
    """
    flushed = denormals.flush()
    constants, weights, tape, gradients = (
        uncounted(constants),
        uncounted(weights),
        uncounted(tape),
        uncounted(gradients),
    )
    owned = sequence_scratch(plan, gradients.y.dtype)
    scratch = uncounted(owned)
    dcarry, dweights, dx = gradients.carry, gradients.weights, gradients.x
    steps, size, rows = tape.gates.shape[0], plan.hidden, last - first
    width = size + plan.reads * plan.words
    skipped = size if plan.controller == FEEDFORWARD else 0
    owned_replay = _replay_of(plan, rows, weights, tape, dweights)
    replay = uncounted(owned_replay)
    dh, dh_before, dnext, dsum = replay.dh, replay.dh_before, replay.dnext, replay.dsum
    u_rows, dgates, h_rows, draws = replay.u, replay.dgates, replay.h, replay.draw
    zero = like(constants.clip, 0.0)

    for t in range(steps - 1, -1, -1):
        s = t % SEGMENT
        if t == steps - 1 or s == SEGMENT - 1:
            for b in range(first, last):
                _replay(plan, tape, t, b, at(replay.memory, b - first), scratch)
        for b in range(first, last):
            row = b - first
            draw, replayed, row_dnext = at(draws, s * rows + row), at(replay.memory, row), at(dnext, row)
            _add(at(at(gradients.y, t), b), row_dnext)
            d = StepGradients(
                draw,
                at(dcarry.w, b),
                at(dcarry.place, b),
                at(dcarry.bookmark, b),
                at(dcarry.bookmark_place, b),
                at(at(gradients.skip, t), b),
                at(dcarry.memory, b),
                span(row_dnext, size, width - size),
            )
            use_memory_backward(
                plan, constants, step_views(tape, t, b), at(replayed, s), at(replayed, s + 1), d, scratch
            )
            _add(draw, dweights.bias)
        for row in range(rows):
            fill(at(dh, row), zero)
            fill(at(dsum, row), zero)
        accumulate(dh, span(draws, s * rows, rows), 0, weights.heads)
        u_before, u_now = at(tape.u, t), at(tape.u, t + 1)
        for b in range(first, last):
            row = b - first
            row_dh, row_dgates = span(at(dh, row), 0, size), at(dgates, s * rows + row)
            _add(span(at(dnext, row), 0, size), row_dh)
            copy(at(at(tape.gates, t), b), row_dgates)
            h_before, c_before, c = span(at(u_before, b), 0, size), at(at(tape.c, t), b), at(at(tape.c, t + 1), b)
            dc, row_dh_before = at(dcarry.c, b), at(dh_before, row)
            control_backward(
                plan.controller,
                plan.counters,
                plan.linear,
                row_dgates,
                h_before,
                c_before,
                c,
                row_dh,
                dc,
                row_dh_before,
            )
        accumulate(dsum, span(dgates, s * rows, rows), 0, weights.gates)
        for row in range(rows):
            b, row_dnext, row_dsum = first + row, at(dnext, row), at(dsum, row)
            fill(span(row_dnext, 0, skipped), zero)
            copy(span(row_dsum, 0, width - skipped), span(row_dnext, skipped, width - skipped))
            _add(at(dh_before, row), row_dnext)
            if dx.shape[0] > 0:
                copy(span(row_dsum, width - skipped, dx.shape[2]), at(at(dx, b), t))
            copy(span(at(u_before, b), skipped, u_rows.shape[1]), at(u_rows, s * rows + row))
            copy(span(at(u_now, b), 0, size), at(h_rows, s * rows + row))
        if s == 0:
            count = min(SEGMENT, steps - t) * rows
            accumulate(dweights.gates, flipped(span(u_rows, 0, count)), 0, span(dgates, 0, count))
            accumulate(dweights.heads, flipped(span(h_rows, 0, count)), 0, span(draws, 0, count))
    for row in range(rows):
        copy(at(dnext, row), at(dcarry.u, first + row))
    keep_alive(owned)
    keep_alive(owned_replay)
    denormals.restore(flushed)


@inlined
def _replay_of(plan, rows, weights, tape, dweights):
    """The scratch buffers for the given number of rows."""
    dtype, size, width = tape.raw.dtype, plan.hidden, plan.hidden + plan.reads * plan.words
    return Replay(
        np.empty((rows, SEGMENT + 1, plan.words, plan.width), dtype),
        np.empty((rows, weights.heads.shape[1]), dtype),
        np.empty((rows, size), dtype),
        np.zeros((rows, width), dtype),
        np.empty((rows, weights.gates.shape[1]), dtype),
        np.empty((SEGMENT * rows, dweights.gates.shape[0]), dtype),
        np.empty((SEGMENT * rows, dweights.gates.shape[1]), dtype),
        np.empty((SEGMENT * rows, size), dtype),
        np.empty((SEGMENT * rows, tape.raw.shape[2]), dtype),
    )


@inlined
def _replay(plan, tape, t, b, memory, scratch):
    """Recompute the memory of one sequence [SEGMENT + 1, M, N], from its last checkpoint to after step t."""
    first = t - t % SEGMENT
    copy_words(at(at(tape.checkpoints, t // SEGMENT), b), at(memory, 0))
    for now in range(first, t + 1):
        write_to(plan, step_views(tape, now, b), at(memory, now - first), at(memory, now - first + 1), scratch)


@routine
def _add(a, out):
    """out[: len(a)] += a."""
    for n in range(a.shape[0]):
        out[n] += a[n]
