"""Slow reference of minGRU: one sequence, loops over steps and numbers, lists of Python floats."""

from tests.naive import affine, sigmoid


def positive(x):
    return x + 0.5 if x >= 0 else sigmoid(x)


def one_layer(weight, bias, inputs, hidden):
    """The hidden vectors of all steps: h_t = (1 - z_t) h_(t-1) + z_t g(candidate_t)."""
    outputs = []
    for x in inputs:
        raw = affine(weight, bias, x)
        size = len(raw) // 2
        hidden = [
            (1.0 - sigmoid(k)) * h + sigmoid(k) * positive(c)
            for k, c, h in zip(raw[:size], raw[size:], hidden, strict=True)
        ]
        outputs.append(hidden)
    return outputs
