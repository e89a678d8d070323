"""A slow PANM: one sequence, loops over pointers, items and bits, lists of scalars.

The scalars may be tensors without dimensions, through which autograd then gives the gradients.
"""

import torch


def affine(weight, bias, x):
    return [b + sum(w * v for w, v in zip(row, x, strict=True)) for row, b in zip(weight, bias, strict=True)]


def softmax(scores):
    scores = [torch.as_tensor(score, dtype=torch.float64) for score in scores]
    highest = max(score.detach() for score in scores)
    parts = [(score - highest).exp() for score in scores]
    return [part / sum(parts) for part in parts]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def mixture(w, rows):
    return [dot(w, column) for column in zip(*rows, strict=True)]


def code(address, bits):
    """The bits of an address as -1 and 1, lowest first, counted round."""
    return [2.0 * (address % 2**bits // 2**bit % 2) - 1.0 for bit in range(bits)]


def gru(x, h, w_ih, w_hh, b_ih, b_hh):
    size = len(h)
    given, kept = affine(w_ih, b_ih, x), affine(w_hh, b_hh, h)
    after = []
    for i in range(size):
        r, z = ((given[k * size + i] + kept[k * size + i]).sigmoid() for k in range(2))
        n = (given[2 * size + i] + r * kept[2 * size + i]).tanh()
        after.append((1 - z) * n + z * h[i])
    return after


def sequence(cell, xs, base=0):
    """Outputs and weightings of one sequence, whose list begins at an address."""
    bits, size = cell.address_bits, cell.encoder_size
    encoder, controller = cell.encoder.layers.all_weights[0], cell.controller.layers.all_weights[0]
    encoded, h = [0.0] * size, [0.0] * cell.controller.output_size
    moved = [code(base, bits) for _ in range(cell.pointers)]
    units = [[0.0] * cell.pointer_size for _ in range(cell.pointers)]
    values, outputs, weightings = [], [], []
    for t, x in enumerate(xs):
        encoded = gru(x, encoded, *encoder)
        values.append(encoded)
        addresses = [code(base + i, bits) for i in range(t + 1)]
        anchors = affine(cell.anchor.weight, cell.anchor.bias, encoded)
        ws, reads = [], []
        for p in range(cell.pointers):
            stay, first, last = softmax(anchors[3 * p : 3 * p + 3])
            start = mixture([stay, first, last], [moved[p], addresses[0], addresses[-1]])
            units[p] = gru(
                start,
                [stay * u for u in units[p]],
                cell.weight_pointer[p].T,
                cell.weight_unit[p].T,
                cell.bias_pointer[p, 0],
                cell.bias_unit[p, 0],
            )
            query = affine(cell.weight_query[p].T, [0.0] * bits, units[p])
            ws.append(softmax([dot(query, address) for address in addresses]))
            moved[p] = mixture(ws[-1], addresses)
            reads.append(mixture(ws[-1], values))
        if cell.content_pointers:
            by_pointers = [v for one in reads for v in one]
            queries = affine(cell.content_query.weight, cell.content_query.bias, by_pointers)
        for c in range(cell.content_pointers):
            query = queries[c * size : (c + 1) * size]
            ws.append(softmax([dot(query, value) / size**0.5 for value in values]))
            reads.append(mixture(ws[-1], values))
        seen = [v for one in reads for v in one]
        h = gru([*x, *seen], h, *controller)
        outputs.append([*h, *seen])
        weightings.append(ws)
    return outputs, weightings
