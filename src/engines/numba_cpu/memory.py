"""Content addressing, reading and writing: forward and backward on one sequence's memory.

A memory is kept as [M, N], so that the inner loops run along the slots. Everything here mirrors
`src.memory`; `d` before a name is the gradient with respect to it, and gradients are added to.
"""

import numpy as np

from src.engines.numba_cpu.numerics import exp, like
from src.engines.numba_cpu.routine import routine
from src.engines.numba_cpu.views import at, fill

#: As in `src.memory.addressing`.
EPS = 1e-8


@routine
def measure(memory, key, other, dots, other_dots, norms):
    """Products of two keys with all words, and one over the length, at least EPS, of every word: in one pass."""
    words, slots = memory.shape
    zero = like(norms[0], 0.0)
    fill(dots, zero)
    fill(other_dots, zero)
    fill(norms, zero)
    m = 0
    while m + 4 <= words:
        k0, k1, k2, k3 = key[m], key[m + 1], key[m + 2], key[m + 3]
        o0, o1, o2, o3 = other[m], other[m + 1], other[m + 2], other[m + 3]
        r0, r1, r2, r3 = at(memory, m), at(memory, m + 1), at(memory, m + 2), at(memory, m + 3)
        for n in range(slots):
            dots[n] += k0 * r0[n] + k1 * r1[n] + k2 * r2[n] + k3 * r3[n]
            other_dots[n] += o0 * r0[n] + o1 * r1[n] + o2 * r2[n] + o3 * r3[n]
            norms[n] += r0[n] * r0[n] + r1[n] * r1[n] + r2[n] * r2[n] + r3[n] * r3[n]
        m += 4
    while m < words:
        k0, o0, r0 = key[m], other[m], at(memory, m)
        for n in range(slots):
            dots[n] += k0 * r0[n]
            other_dots[n] += o0 * r0[n]
            norms[n] += r0[n] * r0[n]
        m += 1
    least, one = like(norms[0], EPS), like(norms[0], 1.0)
    for n in range(slots):
        root = np.sqrt(norms[n])
        norms[n] = one / (least if root < least else root)


@routine
def measure_backward(memory, norms, key, other, ddots, dother_dots, pull, dkey, dother, dmemory):
    """Backward of `measure`: adds to dkey, dother and dmemory.

    `pull` is the gradient along each slot's own word, and is overwritten: a slot as short as EPS has no direction.
    """
    words, slots = memory.shape
    most, zero = like(norms[0], 1.0) / like(norms[0], EPS), like(norms[0], 0.0)
    for n in range(slots):
        pull[n] = pull[n] if norms[n] < most else zero
    for m in range(words):
        row, drow, k, o = at(memory, m), at(dmemory, m), key[m], other[m]
        dk, do = zero, zero
        for n in range(slots):
            word, d, other_d = row[n], ddots[n], dother_dots[n]
            dk += word * d
            do += word * other_d
            drow[n] += k * d + o * other_d + pull[n] * word
        dkey[m] += dk
        dother[m] += do


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
def spread(key, w, memory):
    """memory[m, n] += key[m] w[n]."""
    for m in range(memory.shape[0]):
        row, k = at(memory, m), key[m]
        for n in range(row.shape[0]):
            row[n] += k * w[n]


@routine
def dot(a, b):
    """The inner product of two vectors."""
    total = like(a[0], 0.0)
    for n in range(a.shape[0]):
        total += a[n] * b[n]
    return total


@routine
def largest(z):
    """The largest number, by eight running ones; a NaN is passed over, and left to the sum that follows."""
    t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = z[0]
    n = 0
    while n + 8 <= z.shape[0]:
        t0 = z[n] if z[n] > t0 else t0
        t1 = z[n + 1] if z[n + 1] > t1 else t1
        t2 = z[n + 2] if z[n + 2] > t2 else t2
        t3 = z[n + 3] if z[n + 3] > t3 else t3
        t4 = z[n + 4] if z[n + 4] > t4 else t4
        t5 = z[n + 5] if z[n + 5] > t5 else t5
        t6 = z[n + 6] if z[n + 6] > t6 else t6
        t7 = z[n + 7] if z[n + 7] > t7 else t7
        n += 8
    while n < z.shape[0]:
        t0 = z[n] if z[n] > t0 else t0
        n += 1
    return max(max(max(t0, t1), max(t2, t3)), max(max(t4, t5), max(t6, t7)))


@routine
def softmax(z):
    """Softmax, in place."""
    top = largest(z)
    total = like(top, 0.0)
    for n in range(z.shape[0]):
        z[n] = exp(z[n] - top)
        total += z[n]
    scale = like(top, 1.0) / total
    for n in range(z.shape[0]):
        z[n] *= scale


@routine
def length(key):
    """The length of a key, at least EPS."""
    root = np.sqrt(dot(key, key))
    least = like(root, EPS)
    return least if root < least else root


@routine
def content(norms, key, beta, cosine, w):
    """w = softmax(beta cos(key, slot)), equations (5) and (6).

    `norms` are those of `measure`; `cosine` comes in as the key's products with all words, and leaves as cosines.
    """
    scale = like(beta, 1.0) / length(key)
    for n in range(w.shape[0]):
        cosine[n] *= scale * norms[n]
        w[n] = beta * cosine[n]
    softmax(w)


@routine
def content_backward(norms, key, beta, cosine, w, dw, dkey, pull):
    """Backward of `content`; returns dbeta.

    `dw` leaves as the gradient of the key's products with all words. Adds to dkey what comes through the key's
    length, and to `pull` what comes through those of the words.
    """
    mean = dot(w, dw)
    key_length = length(key)
    scale = beta / key_length
    dbeta = like(beta, 0.0)
    for n in range(w.shape[0]):
        dlogit = w[n] * (dw[n] - mean)
        turned = dlogit * cosine[n]
        dbeta += turned
        pull[n] += -beta * turned * (norms[n] * norms[n])
        dw[n] = dlogit * scale * norms[n]
    if not key_length <= like(beta, EPS):
        along = beta * dbeta / (key_length * key_length)
        for m in range(key.shape[0]):
            dkey[m] -= key[m] * along
    return dbeta


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

    `dmemory` comes in as the gradient of the memory after and leaves as that of the memory before.
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
                left = d * before[n] * keep[n]
                da += d * focus[n]
                de -= left * focus[n]
                dfocus[n] += d * a - left * e
            derase[h, m] = de
            dadd[h, m] = da
        fill(keep, one)
        for h in range(heads):
            focus, e = at(w, h), erase[h, m]
            for n in range(slots):
                keep[n] *= one - focus[n] * e
        for n in range(slots):
            drow[n] *= keep[n]
