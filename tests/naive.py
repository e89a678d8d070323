"""Slow reference equations: one sequence, loops over heads and slots, lists of Python floats."""

import math
import random
from itertools import combinations

EPS = 1e-8


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def softmax(xs):
    powers = [math.exp(x - max(xs)) for x in xs]
    return [p / sum(powers) for p in powers]


def affine(weight, bias, x):
    return [b + sum(a * v for a, v in zip(row, x, strict=True)) for row, b in zip(weight, bias, strict=True)]


def content(memory, key, beta):
    """Equations (5) and (6); EPS is added to the norms, so that a slot of zeros has the cosine 0."""
    key_norm = math.sqrt(sum(v * v for v in key) + EPS**2)
    cosines = []
    for slot in memory:
        dot = sum(a * b for a, b in zip(key, slot, strict=True))
        cosines.append(dot / (key_norm * math.sqrt(sum(v * v for v in slot) + EPS**2)))
    return softmax([beta * c for c in cosines])


def interpolate(w_content, w_before, gate):
    return [gate * c + (1.0 - gate) * b for c, b in zip(w_content, w_before, strict=True)]


def rotate(w, probabilities):
    """Equation (8), w_s(i + j) += s(j) w(i), for a dict from a number of slots j to the probability s(j)."""
    moved = [0.0] * len(w)
    for j, probability in probabilities.items():
        for i, mass in enumerate(w):
            moved[(i + j) % len(w)] += probability * mass
    return moved


def shift(w, s):
    radius = (len(s) - 1) // 2
    return rotate(w, {k - radius: s[k] for k in range(len(s))})


def convolve(w, s):
    return rotate(w, dict(enumerate(s)))


def sharpen(w, gamma):
    powers = [max(v, EPS) ** gamma for v in w]
    return [p / sum(powers) for p in powers]


def distance(slot, position, slots):
    """Distance from a position to the nearest copy of a slot around the ring."""
    turns = round((position - slot) / slots)
    return min(abs(slot + (turns + t) * slots - position) for t in (-1, 0, 1))


def gaussian(position, sigmas, mixture, slots):
    w = [0.0] * slots
    for sigma, share in zip(sigmas, mixture, strict=True):
        kernel = softmax([-(distance(j, position, slots) ** 2) / (2.0 * sigma**2) for j in range(slots)])
        w = [a + share * b for a, b in zip(w, kernel, strict=True)]
    return w


def cauchy(position, sigmas, mixture, slots):
    w = [0.0] * slots
    for sigma, share in zip(sigmas, mixture, strict=True):
        tail = [1.0 / (1.0 + (distance(j, position, slots) / sigma) ** 2) for j in range(slots)]
        w = [a + share * b / sum(tail) for a, b in zip(w, tail, strict=True)]
    return w


def snap(position, strength):
    return position - strength * math.sin(2.0 * math.pi * position) / (2.0 * math.pi)


def step_or_jump(step, jump, kernel):
    s = [jump * k for k in kernel]
    for move, probability in zip((-1, 0, 1), step, strict=True):
        s[move % len(s)] += (1.0 - jump) * probability
    return s


def read(memory, w):
    return [sum(w[i] * memory[i][m] for i in range(len(w))) for m in range(len(memory[0]))]


def erase_and_add(memory, ws, erases, adds):
    after = []
    for i, slot in enumerate(memory):
        for w, erase in zip(ws, erases, strict=True):
            slot = [v * (1.0 - w[i] * e) for v, e in zip(slot, erase, strict=True)]
        for w, add in zip(ws, adds, strict=True):
            slot = [v + w[i] * a for v, a in zip(slot, add, strict=True)]
        after.append(slot)
    return after


def convolution(weight, bias, x, stride, padding):
    """Convolution of x[channels][steps], padded with zeros, with weight[out][in][kernel]: y[out][output steps]."""
    padded = [[0.0] * padding + row + [0.0] * padding for row in x]
    starts = range(0, len(padded[0]) - len(weight[0][0]) + 1, stride)
    return [
        [
            b + sum(w * row[at + k] for kernel, row in zip(out, padded, strict=True) for k, w in enumerate(kernel))
            for at in starts
        ]
        for out, b in zip(weight, bias, strict=True)
    ]


def normalised(weight, bias, x, eps=1e-5):
    """x[channels][steps] with mean 0 and variance 1 over all values, then scaled and shifted by channel."""
    values = [v for row in x for v in row]
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) + eps)
    return [[w * (v - mean) / deviation + b for v in row] for row, w, b in zip(x, weight, bias, strict=True)]


def control(kind, weights, x, state, options):
    """One step of a controller of one layer: output and state; `weights` have the names of the parameters."""
    if kind == "feedforward":
        return [math.tanh(v) for v in affine(weights["weight"], weights["bias"], x)], ()
    if kind == "counter_lstm":
        return counter_lstm(weights, x, state, options)
    hidden, size = state[0], len(state[0])
    a = affine(weights["weight_ih_l0"], weights["bias_ih_l0"], x)
    b = affine(weights["weight_hh_l0"], weights["bias_hh_l0"], hidden)
    after, cells = [], []
    for c in range(size):
        gates = [(a[k * size + c], b[k * size + c]) for k in range(len(a) // size)]
        if kind == "lstm":
            i, f, g, o = (u + v for u, v in gates)
            cells.append(sigmoid(f) * state[1][c] + sigmoid(i) * math.tanh(g))
            after.append(sigmoid(o) * math.tanh(cells[-1]))
        else:
            (ri, rh), (zi, zh), (ni, nh) = gates
            new = math.tanh(ni + sigmoid(ri + rh) * nh)
            update = sigmoid(zi + zh)
            after.append((1.0 - update) * new + update * hidden[c])
    return after, (after, cells)


def counter_lstm(weights, x, state, options):
    """An LSTM of which the last cells count; see `src.cells.counter_lstm`."""
    numbers, way = options["numbers"], options["number_input"]
    seen = list(x) if way != "hidden" else [v for i, v in enumerate(x) if i not in numbers]
    if way == "clamped":
        seen = [max(-1.0, min(1.0, v)) if i in numbers else v for i, v in enumerate(x)]
    (hidden, cells), count = state, options["counters"]
    size = len(hidden)
    fed_back = hidden if options["counter_feedback"] else hidden[: size - count]
    a = affine(weights["weight_ih"], weights["bias"], seen)
    sums = [u + v for u, v in zip(a, affine(weights["weight_hh"], [0.0] * len(a), fed_back), strict=True)]
    i, f, g, o = (
        sums[:size],
        sums[size : 2 * size - count],
        sums[2 * size - count : 3 * size - count],
        sums[-size:],
    )
    after = []
    for c in range(size):
        if c < size - count:
            after.append(sigmoid(f[c]) * cells[c] + sigmoid(i[c]) * math.tanh(g[c]))
            continue
        candidate, number = g[c], 0.0
        if options["counter_candidate"] == "tanh":
            candidate = math.tanh(candidate)
        if "weight_numbers" in weights:
            number = affine(weights["weight_numbers"], [0.0] * count, [x[n] for n in numbers])[c - size]
        after.append(cells[c] + sigmoid(i[c]) * (candidate + number))
    h = [sigmoid(gate) * math.tanh(c) for gate, c in zip(o, after, strict=True)]
    return h, (h, after)


def pairwise(options, seed=0):
    """A few combinations of options that together have every pair of values of two options."""

    def pairs(one):
        return set(combinations(sorted((name, repr(value)) for name, value in one.items()), 2))

    missing = set()
    for a, b in combinations(sorted(options), 2):
        missing |= {((a, repr(u)), (b, repr(v))) for u in options[a] for v in options[b]}
    draw, chosen = random.Random(seed), []
    while missing:
        tries = [{name: draw.choice(values) for name, values in options.items()} for _ in range(150)]
        best = max(tries, key=lambda one: len(pairs(one) & missing))
        if pairs(best) & missing:
            chosen.append(best)
            missing -= pairs(best)
    return chosen
