"""Reading one sequence's memory [M, N], forward and backward, equation (2); mirrors `src.memory.access.read`.

A read is `along_slots`; the gradient of the weighting is `along_words`, and that of the memory is `add_outer`. The
keys of content-based addressing use the same routines.
"""

from .numerics import like
from .routine import routine
from .vectors import dot
from .views import at


@routine
def along_slots(memory, w, out):
    """out[m] += sum_n w[n] memory[m, n]."""
    words, slots = memory.shape
    zero = like(w[0], 0.0)
    m = 0
    while m + 4 <= words:
        r0, r1, r2, r3 = at(memory, m), at(memory, m + 1), at(memory, m + 2), at(memory, m + 3)
        s0, s1, s2, s3 = zero, zero, zero, zero
        for n in range(slots):
            s0 += w[n] * r0[n]
            s1 += w[n] * r1[n]
            s2 += w[n] * r2[n]
            s3 += w[n] * r3[n]
        out[m] += s0
        out[m + 1] += s1
        out[m + 2] += s2
        out[m + 3] += s3
        m += 4
    while m < words:
        out[m] += dot(at(memory, m), w)
        m += 1


@routine
def along_words(memory, key, out):
    """out[n] += sum_m key[m] memory[m, n]."""
    words, slots = memory.shape
    m = 0
    while m + 4 <= words:
        k0, k1, k2, k3 = key[m], key[m + 1], key[m + 2], key[m + 3]
        r0, r1, r2, r3 = at(memory, m), at(memory, m + 1), at(memory, m + 2), at(memory, m + 3)
        for n in range(slots):
            out[n] += k0 * r0[n] + k1 * r1[n] + k2 * r2[n] + k3 * r3[n]
        m += 4
    while m < words:
        k0, r0 = key[m], at(memory, m)
        for n in range(slots):
            out[n] += k0 * r0[n]
        m += 1


@routine
def add_outer(key, w, memory):
    """memory[m, n] += key[m] w[n]."""
    for m in range(memory.shape[0]):
        row, k = at(memory, m), key[m]
        for n in range(row.shape[0]):
            row[n] += k * w[n]
