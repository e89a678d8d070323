"""A slow Lie-access NTM: one sequence, loops over heads, items and coordinates, lists of scalars.

The scalars may be tensors without dimensions, through which autograd then gives the gradients.
"""

import torch

EPS, LEAST_STRENGTH, LEAST_TEMPERATURE = 1e-6, 1e-9, 1e-4


def affine(weight, bias, x):
    return [b + sum(w * v for w, v in zip(row, x, strict=True)) for row, b in zip(weight, bias, strict=True)]


def normalised(scores):
    """Weights proportional to scores; the largest is divided out, so that none overflows."""
    if not scores:
        return []
    parts = [score / max(scores) for score in scores]
    return [part / sum(parts) for part in parts]


def bounded(action):
    return [a / (1 + sum(b**2 for b in action)) ** 0.5 for a in action]


def move(before, proposed, gate, action):
    return [gate * p + (1 - gate) * q + a for q, p, a in zip(before, proposed, action, strict=True)]


def squared_distance(point, other):
    return sum((a - b) ** 2 for a, b in zip(point, other, strict=True))


def inverse_square(address, keys, strengths):
    return normalised(
        [(s + LEAST_STRENGTH) / (squared_distance(address, k) + EPS) for k, s in zip(keys, strengths, strict=True)]
    )


def gaussian(address, keys, strengths, temperature):
    nearest = min((squared_distance(address, key) for key in keys), default=0.0)
    scores = []
    for key, strength in zip(keys, strengths, strict=True):
        further = (squared_distance(address, key) - nearest) / (temperature + LEAST_TEMPERATURE)
        scores.append((strength + LEAST_STRENGTH) * torch.as_tensor(-further).exp())
    return normalised(scores)


def sequence(cell, xs):
    """Outputs, and weightings of the read heads, of a machine with a feedforward controller."""
    size, reads, d = cell.word_size, cell.read_heads, cell.dimensions
    layer, heads = cell.controller.layer, cell.heads
    addresses = [[0.0] * d for _ in range(reads + 1)]
    keys, values, strengths = [], [], []
    read = [[0.0] * size for _ in range(reads)]
    outputs, weightings = [], []
    for x in xs:
        seen = [*x, *(v for one in read for v in one)]
        h = [value.tanh() for value in affine(layer.weight, layer.bias, seen)]
        raw = affine(heads.weight, heads.bias, h)
        if cell.output_clip is not None:
            raw = [value.clamp(-cell.output_clip, cell.output_clip) for value in raw]
        for head in range(reads + 1):
            own = raw[head * (2 * d + 1) : (head + 1) * (2 * d + 1)]
            action = bounded(own[d : 2 * d]) if cell.bound_action else own[d : 2 * d]
            addresses[head] = move(addresses[head], own[:d], own[2 * d].sigmoid(), action)
        rest = raw[(reads + 1) * (2 * d + 1) :]
        ws = []
        for head in range(reads):
            if cell.kernel == "gaussian":
                temperature = torch.nn.functional.softplus(rest[size + 1 + head])
                ws.append(gaussian(addresses[head], keys, strengths, temperature))
            else:
                ws.append(inverse_square(addresses[head], keys, strengths))
            read[head] = [sum((w * v[m] for w, v in zip(ws[-1], values, strict=True)), 0.0) for m in range(size)]
        keys.append(addresses[reads])
        values.append([value.tanh() for value in rest[:size]])
        strengths.append(rest[size].sigmoid())
        weightings.append(ws)
        outputs.append([*h, *(v for one in read for v in one)])
    return outputs, weightings
