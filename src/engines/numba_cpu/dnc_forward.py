"""Forward kernel of a DNC: one step of the memory, for all sequences of a batch; mirrors `DNC.access`."""

import numpy as np
from numba import njit

from . import denormals
from .dnc_bundles import DNCPlan, Memory, StepTape
from .dnc_content import content
from .numerics import exp, like, sigmoid, softplus
from .routine import KERNEL, routine
from .vectors import dot
from .views import at, fill, keep_alive, span, uncounted


@routine
def retention(free, w_read, psi):
    """psi = prod_r (1 - f_r w_r); `free` has the raw numbers of the free gates."""
    one = like(psi[0], 1.0)
    fill(psi, one)
    for r in range(w_read.shape[0]):
        gate, w = sigmoid(free[r]), at(w_read, r)
        for n in range(psi.shape[0]):
            psi[n] *= one - gate * w[n]


@routine
def allocate(usage, order, a):
    """Set the order of ascending usage and the allocation weighting."""
    keys = np.empty(usage.shape[0], a.dtype)
    for n in range(usage.shape[0]):
        keys[n] = usage[n]
    ascending = np.argsort(keys, kind="mergesort")
    one = like(a[0], 1.0)
    product = one
    for j in range(usage.shape[0]):
        n = ascending[j]
        order[j] = n
        a[n] = product * (one - usage[n])
        product *= usage[n]


@routine
def write(before, w, erase, add, after):
    """after = before (1 - w e) + w v."""
    for n in range(w.shape[0]):
        old, new, w_n = at(before, n), at(after, n), w[n]
        for m in range(add.shape[0]):
            new[m] = old[m] + w_n * (add[m] - old[m] * erase[m])


@routine
def sigmoids(raw, out):
    """out = sigmoid(raw)."""
    for m in range(raw.shape[0]):
        out[m] = sigmoid(raw[m])


@routine
def link(before, w, p, after):
    """L(i, j) = (1 - w(i) - w(j)) L_before(i, j) + w(i) p(j), without the diagonal."""
    one, zero = like(w[0], 1.0), like(w[0], 0.0)
    for i in range(w.shape[0]):
        old, new, w_i = at(before, i), at(after, i), w[i]
        kept = one - w_i
        for j in range(w.shape[0]):
            new[j] = (kept - w[j]) * old[j] + w_i * p[j]
        new[i] = zero


@routine
def follow(links, w_read, b, f):
    """Backward and forward weightings of one head: b = L^T w, f = L w."""
    fill(b, like(b[0], 0.0))
    for i in range(w_read.shape[0]):
        row, w_i = at(links, i), w_read[i]
        f[i] = dot(row, w_read)
        for j in range(w_read.shape[0]):
            b[j] += w_i * row[j]


@routine
def read_modes(raw):
    """The read modes of a head, softmax of three raw numbers: backward, content and forward."""
    top = max(raw[0], max(raw[1], raw[2]))
    x, y, z = exp(raw[0] - top), exp(raw[1] - top), exp(raw[2] - top)
    total = x + y + z
    return x / total, y / total, z / total


@njit(**KERNEL)
def forward(plan: DNCPlan, before: Memory, after: Memory, tape: StepTape) -> None:
    """Write and read once.

    Args:
        plan: sizes.
        before: the state before the step; its reads are not used.
        after: that after it, set.
        tape: its raw numbers are an input; the rest is set.
    """
    flushed = denormals.flush()
    before, after, tape = uncounted(before), uncounted(after), uncounted(tape)
    slots, words, reads = plan.slots, plan.words, plan.reads
    owned = np.empty((2, slots), tape.raw.dtype)
    scratch = uncounted(owned)
    psi, a = at(scratch, 0), at(scratch, 1)
    owned_erase = np.empty(words, tape.raw.dtype)
    erase = uncounted(owned_erase)
    zero, one = like(psi[0], 0.0), like(psi[0], 1.0)
    for row in range(tape.raw.shape[0]):
        raw = at(tape.raw, row)
        w_read_before, w_before = at(before.w_read, row), at(before.w_write, row)
        usage_before, usage = at(before.usage, row), at(after.usage, row)
        retention(span(raw, plan.free, reads), w_read_before, psi)
        for n in range(slots):
            usage[n] = (usage_before[n] + w_before[n] - usage_before[n] * w_before[n]) * psi[n]
        allocate(usage, at(tape.order, row), a)

        c, w = at(at(tape.by_content, row), reads), at(after.w_write, row)
        beta = one + softplus(raw[plan.beta + reads])
        content(at(before.memory, row), span(raw, reads * words, words), beta, c)
        ga, gw = sigmoid(raw[plan.allocation]), sigmoid(raw[plan.allocation + 1])
        total = zero
        for n in range(slots):
            w[n] = gw * (c[n] + ga * (a[n] - c[n]))
            total += w[n]
        memory, links = at(after.memory, row), at(after.links, row)
        sigmoids(span(raw, plan.erase, words), erase)
        write(at(before.memory, row), w, erase, span(raw, plan.add, words), memory)
        p_before, p_after = at(before.precedence, row), at(after.precedence, row)
        link(at(before.links, row), w, p_before, links)
        for n in range(slots):
            p_after[n] = (one - total) * p_before[n] + w[n]

        for r in range(reads):
            b, f = at(at(at(tape.linked, row), r), 0), at(at(at(tape.linked, row), r), 1)
            follow(links, at(w_read_before, r), b, f)
            c, w_read = at(at(tape.by_content, row), r), at(at(after.w_read, row), r)
            word = at(at(after.reads, row), r)
            content(memory, span(raw, r * words, words), one + softplus(raw[plan.beta + r]), c)
            pi_b, pi_c, pi_f = read_modes(span(raw, plan.modes + 3 * r, 3))
            for n in range(slots):
                w_read[n] = pi_b * b[n] + pi_c * c[n] + pi_f * f[n]
            fill(word, zero)
            for n in range(slots):
                held, w_n = at(memory, n), w_read[n]
                for m in range(words):
                    word[m] += w_n * held[m]
    keep_alive(owned)
    keep_alive(owned_erase)
    denormals.restore(flushed)
