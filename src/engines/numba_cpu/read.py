"""Reading one sequence's memory [M, N], forward and backward, equation (2); mirrors `src.memory.access.read`.

A read is `along_slots`; the gradient of the weighting is `along_words`, and that of the memory is `add_outer`. The
keys of content-based addressing use the same routines. Arrays over the slots are padded with zeros, gradients
of weightings with any numbers.
"""

from .lanes import LANES, load, spread, store, total
from .numerics import like
from .routine import routine
from .views import at


@routine
def along_slots(memory, w, out):
    """out[m] += sum_n w[n] memory[m, n]."""
    zero = like(w[0], 0.0)
    for m in range(memory.shape[0]):
        row, sums = at(memory, m), spread(zero)
        for n in range(0, w.shape[0], LANES):
            sums += load(w, n) * load(row, n)
        out[m] += total(sums)


@routine
def along_words(memory, key, out):
    """out[n] += sum_m key[m] memory[m, n]."""
    for n in range(0, out.shape[0], LANES):
        sums = load(out, n)
        for m in range(memory.shape[0]):
            sums += load(at(memory, m), n) * key[m]
        store(out, n, sums)


@routine
def add_outer(key, w, memory):
    """memory[m, n] += key[m] w[n]."""
    for n in range(0, w.shape[0], LANES):
        v = load(w, n)
        for m in range(memory.shape[0]):
            row = at(memory, m)
            store(row, n, load(row, n) + v * key[m])
