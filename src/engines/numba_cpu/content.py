"""Content-based addressing on one sequence's memory, forward and backward; mirrors `src.memory.addressing`.

A memory is stored as [M, N], so that the inner loops run along the slots. A name that begins with d is a gradient;
gradients are accumulated unless a docstring says "sets" or "overwrites".
"""

import numpy as np

from .numerics import like
from .routine import routine
from .vectors import dot, softmax
from .views import at, fill

#: As in `src.memory.addressing`.
EPS = 1e-8


@routine
def measure(memory, key, other, dots, other_dots, norms):
    """Dot products of two keys with all words, and 1 / max(norm, EPS) of every word, in one pass."""
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
    """Backward of `measure`: adds to dkey, dother and dmemory; overwrites `pull`.

    `pull` is the coefficient of each word in its own gradient, from its norm; it is zero for a norm of at most
    EPS.
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
def length(key):
    """max(norm of a key, EPS)."""
    root = np.sqrt(dot(key, key))
    least = like(root, EPS)
    return least if root < least else root


@routine
def content(norms, key, beta, cosine, w):
    """w = softmax(beta cos(key, slot)), equations (5) and (6).

    `norms` are the inverse norms of `measure`; `cosine` is overwritten: dot products of the key become cosines.
    """
    scale = like(beta, 1.0) / length(key)
    for n in range(w.shape[0]):
        cosine[n] *= scale * norms[n]
        w[n] = beta * cosine[n]
    softmax(w)


@routine
def content_backward(norms, key, beta, cosine, w, dw, dkey, pull):
    """Backward of `content`; returns dbeta.

    Overwrites `dw` with the gradient of the key's dot products. Adds to dkey the gradient through the norm of the
    key, and to `pull` that through the norms of the words.
    """
    mean = dot(w, dw)
    key_length = length(key)
    scale = beta / key_length
    dbeta = like(beta, 0.0)
    for n in range(w.shape[0]):
        dlogit = w[n] * (dw[n] - mean)
        dcosine = dlogit * cosine[n]
        dbeta += dcosine
        pull[n] += -beta * dcosine * (norms[n] * norms[n])
        dw[n] = dlogit * scale * norms[n]
    if not key_length <= like(beta, EPS):
        along = beta * dbeta / (key_length * key_length)
        for m in range(key.shape[0]):
            dkey[m] -= key[m] * along
    return dbeta
