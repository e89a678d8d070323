"""Writing to one sequence's memory [M, N], forward and backward; mirrors `src.memory.access.erase_and_add`."""

from .numerics import like
from .routine import routine
from .views import at, fill


@routine
def write(memory, w, erase, add, keep):
    """memory = memory prod_h (1 - w_h e_h) + sum_h w_h a_h, in place, equations (3) and (4)."""
    words, slots = memory.shape
    heads = w.shape[0]
    one = like(w[0, 0], 1.0)
    for m in range(words):
        row = at(memory, m)
        if heads == 1:
            focus, e, a = at(w, 0), erase[0, m], add[0, m]
            for n in range(slots):
                row[n] += focus[n] * (a - row[n] * e)
        else:
            fill(keep, one)
            for h in range(heads):
                focus, e = at(w, h), erase[h, m]
                for n in range(slots):
                    keep[n] *= one - focus[n] * e
            for n in range(slots):
                row[n] *= keep[n]
            for h in range(heads):
                focus, a = at(w, h), add[h, m]
                for n in range(slots):
                    row[n] += focus[n] * a


@routine
def write_backward(memory, w, erase, add, dmemory, dw, derase, dadd, keep):
    """Backward of `write`: sets derase and dadd, adds to dw.

    Overwrites `dmemory`, the gradient of the memory after the write, with that of the memory before.
    """
    words, slots = memory.shape
    heads = w.shape[0]
    one = like(w[0, 0], 1.0)
    zero = like(w[0, 0], 0.0)
    if heads == 1:
        focus, dfocus = at(w, 0), at(dw, 0)
        for m in range(words):
            before, drow, e, a = at(memory, m), at(dmemory, m), erase[0, m], add[0, m]
            de, da = zero, zero
            for n in range(slots):
                d = drow[n]
                old = before[n]
                share = d * focus[n]
                da += share
                de -= share * old
                dfocus[n] += d * (a - old * e)
                drow[n] = d - share * e
            derase[0, m] = de
            dadd[0, m] = da
        return
    for m in range(words):
        before, drow = at(memory, m), at(dmemory, m)
        for h in range(heads):
            focus, dfocus, e, a = at(w, h), at(dw, h), erase[h, m], add[h, m]
            fill(keep, one)
            for other in range(heads):
                if other != h:
                    rest, f = at(w, other), erase[other, m]
                    for n in range(slots):
                        keep[n] *= one - rest[n] * f
            de, da = zero, zero
            for n in range(slots):
                d = drow[n]
                dkeep = d * before[n] * keep[n]
                da += d * focus[n]
                de -= dkeep * focus[n]
                dfocus[n] += d * a - dkeep * e
            derase[h, m] = de
            dadd[h, m] = da
        fill(keep, one)
        for h in range(heads):
            focus, e = at(w, h), erase[h, m]
            for n in range(slots):
                keep[n] *= one - focus[n] * e
        for n in range(slots):
            drow[n] *= keep[n]
