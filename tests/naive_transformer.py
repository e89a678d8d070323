"""Slow reference of the transformer: one sequence, loops over steps, heads and numbers, lists of Python floats."""

import cmath
import math

from tests.naive import affine, softmax


def layer_norm(weight, bias, x):
    mean = sum(x) / len(x)
    variance = sum((v - mean) ** 2 for v in x) / len(x)
    return [w * (v - mean) / math.sqrt(variance + 1e-5) + b for w, b, v in zip(weight, bias, x, strict=True)]


def gelu(x):
    return [v * 0.5 * (1.0 + math.erf(v / math.sqrt(2.0))) for v in x]


def turned(x, position):
    """Rotary position embedding with complex numbers."""
    out = []
    for i in range(len(x) // 2):
        pair = complex(x[2 * i], x[2 * i + 1]) * cmath.exp(1j * position * 10000.0 ** (-2.0 * i / len(x)))
        out += [pair.real, pair.imag]
    return out


def slopes(heads):
    """As in the code of the paper on ALiBi."""
    if math.log2(heads).is_integer():
        start = 2.0 ** (-(2.0 ** -(math.log2(heads) - 3)))
        return [start * start**i for i in range(heads)]
    closest = 2 ** math.floor(math.log2(heads))
    return slopes(closest) + slopes(2 * closest)[0::2][: heads - closest]


def plus(x, y):
    return [a + b for a, b in zip(x, y, strict=True)]


def run(weights, sequence, layers, heads, positions):
    """Outputs of all steps; the weights by layer, head, step and step attended to."""

    def apply(name, x):
        return affine(weights[f"{name}.weight"], weights[f"{name}.bias"], x)

    def norm(name, x):
        return layer_norm(weights[f"{name}.weight"], weights[f"{name}.bias"], x)

    hidden = [apply("embedding", x) for x in sequence]
    if positions == "learned":
        hidden = [plus(h, weights["position"][t]) for t, h in enumerate(hidden)]
    shown = []
    for layer in range(layers):
        block, size = f"blocks.{layer}", len(hidden[0])
        raw = [apply(f"{block}.query_key_value", norm(f"{block}.attention_norm", h)) for h in hidden]
        width = size // heads
        reads, of_layer = [[] for _ in hidden], []
        for head in range(heads):
            part = [slice(n * size + head * width, n * size + (head + 1) * width) for n in range(3)]
            query, key, value = ([row[one] for row in raw] for one in part)
            if positions == "rotary":
                query = [turned(q, t) for t, q in enumerate(query)]
                key = [turned(k, t) for t, k in enumerate(key)]
            of_head = []
            for t, q in enumerate(query):
                scores = [sum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(width) for k in key[: t + 1]]
                if positions == "alibi":
                    scores = [score - slopes(heads)[head] * (t - s) for s, score in enumerate(scores)]
                of_head.append(softmax(scores))
                reads[t] += [sum(w * v[i] for w, v in zip(of_head[-1], value, strict=False)) for i in range(width)]
            of_layer.append(of_head)
        shown.append(of_layer)
        hidden = [plus(h, apply(f"{block}.merge", read)) for h, read in zip(hidden, reads, strict=True)]
        for t, h in enumerate(hidden):
            inner = gelu(apply(f"{block}.mlp.0", norm(f"{block}.mlp_norm", h)))
            hidden[t] = plus(h, apply(f"{block}.mlp.2", inner))
    return [apply("readout", norm("norm", h)) for h in hidden], shown
