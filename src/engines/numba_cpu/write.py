"""Writing to one sequence's memory [M, N], forward and backward; mirrors `src.memory.access.erase_and_add`.

Arrays over the slots are padded with zeros, gradients of weightings with any numbers.
"""

from .lanes import LANES, load, spread, store, total
from .numerics import like
from .routine import routine
from .views import at


@routine
def write(memory, w, erase, add, after):
    """after = memory prod_h (1 - w_h e_h) + sum_h w_h a_h, equations (3) and (4); may be the memory itself."""
    for m in range(memory.shape[0]):
        row, new = at(memory, m), at(after, m)
        if w.shape[0] == 1:
            focus, e, a = at(w, 0), erase[0, m], add[0, m]
            for n in range(0, row.shape[0], LANES):
                old = load(row, n)
                store(new, n, old + load(focus, n) * (a - old * e))
        else:
            for n in range(0, row.shape[0], LANES):
                added = spread(like(w[0, 0], 0.0))
                for h in range(w.shape[0]):
                    added += load(at(w, h), n) * add[h, m]
                store(new, n, load(row, n) * _kept(w, erase, m, n, w.shape[0]) + added)


@routine
def _kept(w, erase, m, n, without):
    """What all heads but one leave of word m in LANES slots from n; `without` is W for all heads."""
    one = like(w[0, 0], 1.0)
    kept = spread(one)
    for h in range(w.shape[0]):
        if h != without:
            kept *= one - load(at(w, h), n) * erase[h, m]
    return kept


@routine
def write_backward(memory, w, erase, add, dmemory, dw, derase, dadd):
    """Backward of `write`: sets derase and dadd, adds to dw.

    Overwrites `dmemory`, the gradient of the memory after the write, with that of the memory before.
    """
    zero, heads = like(w[0, 0], 0.0), w.shape[0]
    if heads == 1:
        focus, dfocus = at(w, 0), at(dw, 0)
        for m in range(memory.shape[0]):
            before, drow, e, a = at(memory, m), at(dmemory, m), erase[0, m], add[0, m]
            de, da = spread(zero), spread(zero)
            for n in range(0, before.shape[0], LANES):
                d, old = load(drow, n), load(before, n)
                share = d * load(focus, n)
                da += share
                de -= share * old
                store(dfocus, n, load(dfocus, n) + d * (a - old * e))
                store(drow, n, d - share * e)
            derase[0, m], dadd[0, m] = total(de), total(da)
        return
    for m in range(memory.shape[0]):
        before, drow = at(memory, m), at(dmemory, m)
        for h in range(heads):
            focus, dfocus, e, a = at(w, h), at(dw, h), erase[h, m], add[h, m]
            de, da = spread(zero), spread(zero)
            for n in range(0, before.shape[0], LANES):
                d, f = load(drow, n), load(focus, n)
                dkeep = d * load(before, n) * _kept(w, erase, m, n, h)
                da += d * f
                de -= dkeep * f
                store(dfocus, n, load(dfocus, n) + d * a - dkeep * e)
            derase[h, m], dadd[h, m] = total(de), total(da)
        for n in range(0, before.shape[0], LANES):
            store(drow, n, load(drow, n) * _kept(w, erase, m, n, heads))
