"""A machine over a whole sequence: forward in one call, backward in another, for some rows of a batch.

Arrays have time first and then the batch; a call works on the rows first..last alone, so that several can
run at once. What is carried has T + 1 entries, the one before the first step included. The backward replays
the memory from every SEGMENT-th step, which the forward kept.
"""

import numpy as np
from numba import njit

from src.engines.numba_cpu import denormals
from src.engines.numba_cpu.controllers import control, control_backward
from src.engines.numba_cpu.heads import look, look_backward
from src.engines.numba_cpu.memory import along_slots, along_words, spread, write, write_backward
from src.engines.numba_cpu.numerics import like, sigmoid
from src.engines.numba_cpu.plan import FEEDFORWARD, ROW, SEGMENT, Plan  # noqa: F401  (Plan for the signatures)
from src.engines.numba_cpu.products import accumulate
from src.engines.numba_cpu.routine import FAST, routine
from src.engines.numba_cpu.variants import address, address_backward
from src.engines.numba_cpu.views import at, copy, fill, span

#: Dimensions of the arrays that the kernels take, in order.
FORWARD = (1, 3, 3, 3, 3, 3, 4, 3, 3, 5, 3, 4, 2, 2, 1)
BACKWARD = (1, 3, 3, 3, 3, 4, 3, 5, 3, 4, 2, 2, 3, 2, 3, 2, 3, 2, 3, 2, 2, 1)


@routine
def copy_words(a, out):
    """out[:] = a, of two dimensions."""
    for m in range(a.shape[0]):
        copy(at(a, m), at(out, m))


@njit(fastmath=FAST, error_model="numpy", nogil=True, cache=True)
def forward(
    plan,
    constants,
    clip,
    first,
    last,
    x,
    gates,
    u,
    c,
    raw,
    w,
    place,
    memory,
    found,
    norms,
    kept,
    w_u,
    w_heads,
    b_heads,
):
    """All steps of the rows first..last-1.

    Args:
        plan: sizes and choices.
        constants: of the kind of heads.
        clip: bound on the raw numbers; infinity for none.
        x: [B, T, F] the inputs.
        gates: [T, B, G] is set to the gates' values.
        u: [T+1, B, U] what the gates of a step see: the controller's output and the reads of the step before,
            the input, and a one; of u[0] the first two are given, of u[T] the last two stay as they are.
        c: [T+1, B, C] the LSTM's cells; c[0] is given.
        raw: [T, B, P] what the heads get; is set.
        w: [T+1, B, H, N] the weightings; w[0] is given.
        place: [T+1, B, H] the positions; place[0] is given.
        memory: [B, M, N] as found before; becomes what it is after.
        found: [T, B, H, 2, N] what the heads found by content, for the backward.
        norms: [T, B, N] one over the length of each word then, for the backward. `found` and `norms` may have
            room for a single step: then nothing is kept.
        kept: [T/SEGMENT, B, M, N] the memory before some steps, for the backward, or none.
        w_u: [U, G] weights and biases of the gates; without the rows of h for a feedforward controller.
        w_heads, b_heads: [C, P], [P].
    """
    flushed = denormals.flush()
    steps, size, words, slots = gates.shape[0], plan.hidden, plan.words, plan.slots
    heads = plan.reads + plan.writes
    keep = np.empty(slots, gates.dtype)
    room = np.empty((ROW.kernels + plan.scales, max(2 * slots, plan.shifts)), gates.dtype)
    small = np.empty((6, max(3, plan.scales)), gates.dtype)
    erase = np.empty((plan.writes, words), gates.dtype)
    add = np.empty((plan.writes, words), gates.dtype)
    rows = last - first
    skipped = size if plan.controller == FEEDFORWARD else 0
    one, zero = like(clip, 1.0), like(clip, 0.0)
    for t in range(steps):
        u_before, u_now, raw_now = at(u, t), at(u, t + 1), at(raw, t)
        for b in range(first, last):
            fill(at(at(gates, t), b), zero)
            seen, given = at(u_before, b), at(at(x, b), t)
            copy(given, span(seen, size + plan.reads * words, given.shape[0]))
            seen[seen.shape[0] - 1] = one
        accumulate(span(at(gates, t), first, rows), span(u_before, first, rows), skipped, w_u)
        for b in range(first, last):
            h_before, h = span(at(u_before, b), 0, size), span(at(u_now, b), 0, size)
            control(plan.controller, at(at(gates, t), b), h_before, at(at(c, t), b), h, at(at(c, t + 1), b))
            copy(b_heads, at(raw_now, b))
        accumulate(span(raw_now, first, rows), span(u_now, first, rows), 0, w_heads)
        for b in range(first, last):
            mine, mine_memory = at(raw_now, b), at(memory, b)
            mine_found = at(at(found, t % found.shape[0]), b)
            mine_norms = at(at(norms, t % norms.shape[0]), b)
            w_before, w_now = at(at(w, t), b), at(at(w, t + 1), b)
            for p in range(mine.shape[0]):
                mine[p] = -clip if mine[p] < -clip else mine[p]
                mine[p] = clip if mine[p] > clip else mine[p]
            if kept.shape[0] > 0 and t % SEGMENT == 0:
                copy_words(mine_memory, at(at(kept, t // SEGMENT), b))
            look(plan, mine, mine_memory, mine_norms, mine_found)
            for h in range(heads):
                place[t + 1, b, h] = address(
                    plan,
                    constants,
                    span(mine, h * plan.head_size, plan.head_size),
                    at(at(mine_found, h), 1),
                    at(w_before, h),
                    place[t, b, h],
                    room,
                    small,
                    at(w_now, h),
                )
            _erase_and_add(plan, mine, erase, add)
            write(mine_memory, span(w_now, plan.reads, plan.writes), erase, add, keep)
            for h in range(plan.reads):
                word = span(at(u_now, b), size + h * words, words)  # equation (2)
                fill(word, zero)
                along_slots(mine_memory, at(w_now, h), word)
    denormals.restore(flushed)


@routine
def _erase_and_add(plan, raw, erase, add):
    """What each write head erases and adds, of one sequence at one step."""
    at = (plan.reads + plan.writes) * plan.head_size
    for h in range(plan.writes):
        for m in range(plan.words):
            erase[h, m] = sigmoid(raw[at + m])
            add[h, m] = raw[at + plan.words + m]
        at += 2 * plan.words


@njit(fastmath=FAST, error_model="numpy", nogil=True, cache=True)
def backward(
    plan,
    constants,
    clip,
    first,
    last,
    gates,
    u,
    c,
    raw,
    w,
    place,
    found,
    norms,
    kept,
    w_u,
    w_heads,
    dy,
    dc,
    dw,
    dplace,
    dmemory,
    du,
    dx,
    dw_u,
    dw_heads,
    db_heads,
):
    """Backward of `forward`, with the arrays as it left them.

    Args:
        w_u, w_heads: transposed, [G, U] and [P, C].
        dy: [T, B, C+RM] gradient of u[1:].
        dc, dw, dplace, dmemory: gradients of what is carried, after the last step; become those before
            the first.
        du: [B, C+RM] becomes the gradient of u[0], as far as it was given.
        dx: [B, T, F] becomes the gradient of x, unless it is empty.
        dw_u, dw_heads, db_heads: [U, G], [C, P], [P] gradients of the weights, which are added to.
    """
    flushed = denormals.flush()
    steps, size, words, slots = gates.shape[0], plan.hidden, plan.words, plan.slots
    reads, heads = plan.reads, plan.reads + plan.writes
    rows = last - first
    number = gates[0, 0, 0]
    dtype = gates.dtype
    pull, keep = np.empty(slots, dtype), np.empty(slots, dtype)
    room = np.empty((ROW.kernels + plan.scales, max(2 * slots, plan.shifts)), dtype)
    small = np.empty((6, max(3, plan.scales)), dtype)
    erase, add = np.empty((plan.writes, words), dtype), np.empty((plan.writes, words), dtype)
    derase, dadd = np.empty((plan.writes, words), dtype), np.empty((plan.writes, words), dtype)
    dfocus, dfound = np.empty((heads, slots), dtype), np.empty((heads, slots), dtype)
    memory = np.empty((rows, SEGMENT + 1, words, slots), dtype)
    dh = np.empty((rows, w_heads.shape[1]), dtype)
    dh_before = np.empty((rows, size), dtype)
    dnext = np.zeros((rows, size + reads * words), dtype)  # gradient of u[t + 1] but for dy
    dsum = np.empty((rows, w_u.shape[1]), dtype)
    skipped = size if plan.controller == FEEDFORWARD else 0
    seen = size + reads * words - skipped
    features = dx.shape[2]
    at_write = heads * plan.head_size
    # Of the steps between two memories that were kept, the factors of the gradients of the weights.
    u_rows, dgates = (
        np.empty((SEGMENT * rows, dw_u.shape[0]), dtype),
        np.empty((SEGMENT * rows, dw_u.shape[1]), dtype),
    )
    h_rows, draws = np.empty((SEGMENT * rows, size), dtype), np.empty((SEGMENT * rows, raw.shape[2]), dtype)
    one, zero = like(number, 1.0), like(number, 0.0)

    for t in range(steps - 1, -1, -1):
        s = t % SEGMENT
        if t == steps - 1 or s == SEGMENT - 1:
            for b in range(first, last):
                replayed = at(memory, b - first)
                copy_words(at(at(kept, t // SEGMENT), b), at(replayed, 0))
                for i in range(s + 1):
                    now = t - s + i
                    _erase_and_add(plan, at(at(raw, now), b), erase, add)
                    w_write = span(at(at(w, now + 1), b), reads, plan.writes)
                    copy_words(at(replayed, i), at(replayed, i + 1))
                    write(at(replayed, i + 1), w_write, erase, add, keep)
        for b in range(first, last):
            row = b - first
            draw = at(draws, s * rows + row)
            before, after = at(at(memory, row), s), at(at(memory, row), s + 1)
            mine, mine_dmemory, mine_dnext = at(at(raw, t), b), at(dmemory, b), at(dnext, row)
            w_before, w_now, mine_dw = at(at(w, t), b), at(at(w, t + 1), b), at(dw, b)
            mine_dy = at(at(dy, t), b)
            mine_found = at(at(found, t % found.shape[0]), b)
            mine_norms = at(at(norms, t % norms.shape[0]), b)
            for k in range(mine_dnext.shape[0]):
                mine_dnext[k] += mine_dy[k]
            fill(draw, zero)
            copy_words(mine_dw, dfocus)
            for h in range(reads):
                dread = span(mine_dnext, size + h * words, words)
                along_words(after, dread, at(dfocus, h))
                spread(dread, at(w_now, h), mine_dmemory)
            _erase_and_add(plan, mine, erase, add)
            w_write, dw_write = span(w_now, reads, plan.writes), span(dfocus, reads, plan.writes)
            write_backward(before, w_write, erase, add, mine_dmemory, dw_write, derase, dadd, keep)
            for h in range(plan.writes):
                to = at_write + 2 * words * h
                for m in range(words):
                    draw[to + m] = derase[h, m] * erase[h, m] * (one - erase[h, m])
                    draw[to + words + m] = dadd[h, m]
            for h in range(heads):
                fill(at(mine_dw, h), zero)
                dplace[b, h] = address_backward(
                    plan,
                    constants,
                    span(mine, h * plan.head_size, plan.head_size),
                    at(at(mine_found, h), 1),
                    at(w_before, h),
                    place[t, b, h],
                    at(w_now, h),
                    at(dfocus, h),
                    dplace[b, h],
                    room,
                    small,
                    span(draw, h * plan.head_size, plan.head_size),
                    at(mine_dw, h),
                    at(dfound, h),
                )
            look_backward(plan, mine, before, mine_norms, mine_found, dfound, draw, mine_dmemory, pull)
            for p in range(mine.shape[0]):
                inside = mine[p] > -clip and mine[p] < clip
                draw[p] = draw[p] if inside else draw[p] * zero
                db_heads[p] += draw[p]
        for row in range(rows):
            fill(at(dh, row), zero)
            fill(at(dsum, row), zero)
        accumulate(dh, span(draws, s * rows, rows), 0, w_heads)
        for b in range(first, last):
            row = b - first
            mine_dh, mine_dgates = at(dh, row), at(dgates, s * rows + row)
            for k in range(size):
                mine_dh[k] += dnext[row, k]
            copy(at(at(gates, t), b), mine_dgates)
            control_backward(
                plan.controller,
                mine_dgates,
                span(at(at(u, t), b), 0, size),
                at(at(c, t), b),
                at(at(c, t + 1), b),
                span(mine_dh, 0, size),
                at(dc, b),
                at(dh_before, row),
            )
        accumulate(dsum, span(dgates, s * rows, rows), 0, w_u)
        for row in range(rows):
            mine_dnext, mine_dsum, mine_dh = at(dnext, row), at(dsum, row), at(dh_before, row)
            fill(span(mine_dnext, 0, skipped), zero)
            copy(span(mine_dsum, 0, seen), span(mine_dnext, skipped, seen))
            for k in range(size):
                mine_dnext[k] += mine_dh[k]
            if dx.shape[0] > 0:
                copy(span(mine_dsum, seen, features), at(at(dx, first + row), t))
            copy(span(at(at(u, t), first + row), skipped, dw_u.shape[0]), at(u_rows, s * rows + row))
            copy(span(at(at(u, t + 1), first + row), 0, size), at(h_rows, s * rows + row))
        if s == 0:
            count = min(SEGMENT, steps - t) * rows
            accumulate(dw_u, span(u_rows, 0, count).T, 0, span(dgates, 0, count))
            accumulate(dw_heads, span(h_rows, 0, count).T, 0, span(draws, 0, count))
    for row in range(rows):
        copy(at(dnext, row), at(du, first + row))
    denormals.restore(flushed)
