"""The DNC step by step on plain lists, for one sequence; after the Methods of Graves et al., Nature 538, 2016.

Numbers may be floats or tensors without dimensions, so that torch can differentiate through the loops.
"""

import math

import torch


def exp(x):
    return x.exp() if isinstance(x, torch.Tensor) else math.exp(x)


def log(x):
    return x.log() if isinstance(x, torch.Tensor) else math.log(x)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def oneplus(x):
    return 1 + log(1 + exp(x))


def softmax(xs):
    top = max(xs)
    powers = [exp(x - top) for x in xs]
    return [power / sum(powers) for power in powers]


def cosine(a, b):
    norm_a, norm_b = (sum(x * x for x in one) ** 0.5 if any(x != 0 for x in one) else 1e-8 for one in (a, b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / (norm_a * norm_b)


def content(memory, key, beta, mask=None):
    mask = mask or [1] * len(key)
    masked = [[m * x for m, x in zip(mask, word, strict=True)] for word in [key, *memory]]
    return softmax([beta * cosine(masked[0], word) for word in masked[1:]])


def retention(free, w_read):
    return [math.prod(1 - f * w[i] for f, w in zip(free, w_read, strict=True)) for i in range(len(w_read[0]))]


def usage(before, w_write, psi):
    return [(u + w - u * w) * p for u, w, p in zip(before, w_write, psi, strict=True)]


def allocation(u):
    free_list = sorted(range(len(u)), key=lambda i: u[i])
    a = [0] * len(u)
    for j, slot in enumerate(free_list):
        a[slot] = (1 - u[slot]) * math.prod(u[other] for other in free_list[:j])
    return a


def links(before, w, p):
    slots = range(len(w))
    return [[0 if i == j else (1 - w[i] - w[j]) * before[i][j] + w[i] * p[j] for j in slots] for i in slots]


def precedence(p, w):
    return [(1 - sum(w)) * p_i + w_i for p_i, w_i in zip(p, w, strict=True)]


def forward(links, w):
    return [sum(links[i][j] * w[j] for j in range(len(w))) for i in range(len(w))]


def backward(links, w):
    return [sum(links[j][i] * w[j] for j in range(len(w))) for i in range(len(w))]


def sharpen(d, power):
    powers = [exp(power * log(max(x, 1e-8))) if x > 1e-8 else 1e-8**power for x in d]
    return [x / sum(powers) for x in powers]


def interface(raw, reads, words, masked, sharpened):
    """The squashed numbers by name, in the order of the cell's raw numbers."""
    left = list(raw)

    def take(count):
        taken, left[:] = left[:count], left[count:]
        return taken

    found = {"key": [take(words) for _ in range(reads + 1)], "add": take(words)}
    found["beta"] = [oneplus(x) for x in take(reads + 1)]
    found["sharpness"] = [[oneplus(x) for x in take(2)] for _ in range(reads)] if sharpened else None
    found["erase"] = [sigmoid(x) for x in take(words)]
    found["free"] = [sigmoid(x) for x in take(reads)]
    found["allocation"], found["write"] = (sigmoid(x) for x in take(2))
    found["mask"] = (
        [[sigmoid(x) for x in take(words)] for _ in range(reads + 1)] if masked else [None] * (reads + 1)
    )
    found["modes"] = [softmax(take(3)) for _ in range(reads)]
    assert not left
    return found


def access(raw, state, mask_keys=False, erase_freed=False, sharpen_links=False):
    """One step of the memory.

    Args:
        raw: the interface before its squashing functions.
        state: memory, usage, precedence, links, write weighting, read weightings.

    Returns the new state, and the read vectors.
    """
    memory, used, p, linked, w_write, w_read = state
    words, reads = len(memory[0]), len(w_read)
    seen = interface(raw, reads, words, mask_keys, sharpen_links)
    psi = retention(seen["free"], w_read)
    used = usage(used, w_write, psi)
    a, c = allocation(used), content(memory, seen["key"][-1], seen["beta"][-1], seen["mask"][-1])
    ga, gw = seen["allocation"], seen["write"]
    w_write = [gw * (ga * a_i + (1 - ga) * c_i) for a_i, c_i in zip(a, c, strict=True)]
    memory = [
        [
            x * (psi[i] if erase_freed else 1) * (1 - w_write[i] * e) + w_write[i] * v
            for x, e, v in zip(word, seen["erase"], seen["add"], strict=True)
        ]
        for i, word in enumerate(memory)
    ]
    linked, p = links(linked, w_write, p), precedence(p, w_write)
    new, read = [], []
    for r in range(reads):
        b, f = backward(linked, w_read[r]), forward(linked, w_read[r])
        if sharpen_links:
            b, f = (sharpen(d, power) for d, power in zip((b, f), seen["sharpness"][r], strict=True))
        c = content(memory, seen["key"][r], seen["beta"][r], seen["mask"][r])
        pi = seen["modes"][r]
        new.append([pi[0] * x + pi[1] * y + pi[2] * z for x, y, z in zip(b, c, f, strict=True)])
        read.append([sum(w * word[m] for w, word in zip(new[r], memory, strict=True)) for m in range(words)])
    return (memory, used, p, linked, w_write, new), read
