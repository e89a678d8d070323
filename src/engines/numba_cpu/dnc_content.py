"""Content-based addressing of one head on one sequence's memory [N, M], forward and backward.

Mirrors `src.memory.addressing.content`.
"""

import numpy as np

from .content import EPS, length
from .numerics import like
from .routine import routine
from .vectors import dot, softmax
from .views import at


@routine
def slot_length(word):
    """max(norm of a word, EPS)."""
    root = np.sqrt(dot(word, word))
    least = like(root, EPS)
    return least if root < least else root


@routine
def content(memory, key, beta, w):
    """w = softmax(beta cos(key, slot))."""
    scale = beta / length(key)
    for n in range(memory.shape[0]):
        word = at(memory, n)
        w[n] = dot(key, word) * scale / slot_length(word)
    softmax(w)


@routine
def content_backward(memory, key, beta, w, dw, dkey, dmemory):
    """Backward of `content`; returns dbeta, sets dkey, adds to dmemory."""
    mean, key_length, least = dot(w, dw), length(key), like(beta, EPS)
    zero = like(beta, 0.0)
    dbeta = zero
    for m in range(key.shape[0]):
        dkey[m] = zero
    for n in range(memory.shape[0]):
        word, dword = at(memory, n), at(dmemory, n)
        norm = slot_length(word)
        dcosine = w[n] * (dw[n] - mean)
        cosine = dot(key, word) / (key_length * norm)
        dbeta += dcosine * cosine
        scale = beta * dcosine / (key_length * norm)
        along = zero if norm <= least else beta * dcosine * cosine / (norm * norm)
        for m in range(key.shape[0]):
            dkey[m] += scale * word[m]
            dword[m] += scale * key[m] - along * word[m]
    if key_length > least:
        along = beta * dbeta / (key_length * key_length)
        for m in range(key.shape[0]):
            dkey[m] -= along * key[m]
    return dbeta
