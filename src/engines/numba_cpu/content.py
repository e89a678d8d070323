"""Content-based addressing on one sequence's memory, forward and backward; mirrors `src.memory.addressing`.

A memory is stored as [M, N], so that the inner loops run along the slots. Arrays over the slots are padded: a
memory and weightings with zeros, others with any numbers. A name that begins with d is a gradient; gradients are
accumulated unless a docstring says "sets" or "overwrites".
"""

import numpy as np

from .lanes import LANES, choose, load, root, spread, store, total
from .numerics import like
from .routine import routine
from .vectors import dot, inner, softmax_of_first
from .views import at

#: As in `src.memory.addressing`.
EPS = 1e-8


@routine
def measure(memory, key, other, dots, other_dots, norms):
    """Dot products of two keys with all words, and 1 / max(norm, EPS) of every word, in one pass."""
    zero, one, least = like(norms[0], 0.0), like(norms[0], 1.0), like(norms[0], EPS)
    for n in range(0, norms.shape[0], LANES):
        first, second, squares = spread(zero), spread(zero), spread(zero)
        for m in range(memory.shape[0]):
            word = load(at(memory, m), n)
            first += word * key[m]
            second += word * other[m]
            squares += word * word
        store(dots, n, first)
        store(other_dots, n, second)
        norm = root(squares)
        store(norms, n, one / choose(norm, least, least, norm))


@routine
def measure_backward(memory, norms, key, other, ddots, dother_dots, pull, dkey, dother, dmemory):
    """Backward of `measure`: adds to dkey, dother and dmemory; overwrites `pull`.

    `pull` is the coefficient of each word in its own gradient, from its norm; it is zero for a norm of at most
    EPS.
    """
    most, zero = like(norms[0], 1.0) / like(norms[0], EPS), like(norms[0], 0.0)
    for n in range(0, norms.shape[0], LANES):
        store(pull, n, choose(load(norms, n), most, load(pull, n), zero))
    for m in range(memory.shape[0]):
        row, drow, k, o = at(memory, m), at(dmemory, m), key[m], other[m]
        dk, do = spread(zero), spread(zero)
        for n in range(0, norms.shape[0], LANES):
            word, d, other_d = load(row, n), load(ddots, n), load(dother_dots, n)
            dk += word * d
            do += word * other_d
            store(drow, n, load(drow, n) + d * k + other_d * o + load(pull, n) * word)
        dkey[m] += total(dk)
        dother[m] += total(do)


@routine
def length(key):
    """max(norm of a key, EPS)."""
    root = np.sqrt(dot(key, key))
    least = like(root, EPS)
    return least if root < least else root


@routine
def content(norms, key, beta, cosine, w, slots):
    """w = softmax(beta cos(key, slot)), equations (5) and (6).

    `norms` are the inverse norms of `measure`; `cosine` is overwritten: dot products of the key become cosines.
    """
    scale = like(beta, 1.0) / length(key)
    for n in range(0, w.shape[0], LANES):
        cosines = load(cosine, n) * load(norms, n) * scale
        store(cosine, n, cosines)
        store(w, n, cosines * beta)
    softmax_of_first(w, slots)


@routine
def content_backward(norms, key, beta, cosine, w, dw, dkey, pull):
    """Backward of `content`; returns dbeta.

    Overwrites `dw` with the gradient of the key's dot products. Adds to dkey the gradient through the norm of the
    key, and to `pull` that through the norms of the words.
    """
    mean = inner(w, dw)
    key_length = length(key)
    scale = beta / key_length
    sums = spread(like(beta, 0.0))
    for n in range(0, w.shape[0], LANES):
        dlogit, norm = load(w, n) * (load(dw, n) - mean), load(norms, n)
        dcosine = dlogit * load(cosine, n)
        sums += dcosine
        store(pull, n, load(pull, n) - dcosine * beta * (norm * norm))
        store(dw, n, dlogit * scale * norm)
    dbeta = total(sums)
    if not key_length <= like(beta, EPS):
        along = beta * dbeta / (key_length * key_length)
        for m in range(key.shape[0]):
            dkey[m] -= key[m] * along
    return dbeta
