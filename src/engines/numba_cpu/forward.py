"""Forward kernel: a whole sequence of a machine, for some rows of a batch."""

import numpy as np
from jaxtyping import Float
from numba import njit, types

from . import denormals
from .bundles import Constants, Tape, Weights
from .controllers import control
from .memory_step import copy_words, use_memory
from .numerics import like
from .plan import FEEDFORWARD, SEGMENT, KernelPlan
from .products import accumulate
from .routine import KERNEL
from .scratch import sequence_scratch, step_views
from .views import at, copy, fill, keep_alive, span, uncounted


@njit(**KERNEL)
def forward(
    plan: KernelPlan,
    constants: Constants,
    first: int,
    last: int,
    x: Float[np.ndarray, "B T F"],
    weights: Weights,
    tape: Tape,
    memory: Float[np.ndarray, "B M N"],
) -> None:
    """All steps of the rows first..last-1; calls for different rows can run concurrently.

    Args:
        plan, constants: of the machine.
        first, last: rows of the batch.
        x: the inputs.
        weights: of gates and heads.
        tape: set, except its entries that are inputs.
        memory: the memory before the first step, overwritten with that after the last.
    """
    flushed = denormals.flush()
    constants, weights, tape = uncounted(constants), uncounted(weights), uncounted(tape)
    x, memory = uncounted(x), uncounted(memory)
    owned = sequence_scratch(plan, x.dtype)
    scratch = uncounted(owned)
    size, rows, reads = plan.hidden, last - first, plan.reads * plan.words
    skipped = size if plan.controller == FEEDFORWARD else 0
    whole = types.intp(0)  # `accumulate` would be compiled once more for a literal
    one, zero = like(constants.clip, 1.0), like(constants.clip, 0.0)
    for t in range(tape.gates.shape[0]):
        u_before, u_now, gates, raw = at(tape.u, t), at(tape.u, t + 1), at(tape.gates, t), at(tape.raw, t)
        for b in range(first, last):
            fill(at(gates, b), zero)
            seen, given = at(u_before, b), at(at(x, b), t)
            copy(given, span(seen, size + reads, given.shape[0]))
            seen[seen.shape[0] - 1] = one
        accumulate(span(gates, first, rows), span(u_before, first, rows), skipped, weights.gates)
        for b in range(first, last):
            h_before, h = span(at(u_before, b), 0, size), span(at(u_now, b), 0, size)
            c_before, c = at(at(tape.c, t), b), at(at(tape.c, t + 1), b)
            control(plan.controller, plan.counters, plan.linear, at(gates, b), h_before, c_before, h, c)
            copy(weights.bias, at(raw, b))
        accumulate(span(raw, first, rows), span(u_now, first, rows), whole, weights.heads)
        for b in range(first, last):
            if tape.checkpoints.shape[0] > 0 and t % SEGMENT == 0:
                copy_words(at(memory, b), at(at(tape.checkpoints, t // SEGMENT), b))
            words_read = span(at(u_now, b), size, reads)
            use_memory(plan, constants, step_views(tape, t, b), at(memory, b), words_read, scratch)
    keep_alive(owned)
    denormals.restore(flushed)
