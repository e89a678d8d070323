"""Gates of a controller: forward and backward of one step of one sequence.

`gates` holds C numbers for each gate, in the order: input, forget, cell, output (LSTM); reset, update, candidate
of the input, candidate of the state (GRU); the layer (feedforward). The forward overwrites the pre-activations
with the activations, the backward overwrites the activations with the gradients of the pre-activations.
"""

from .numerics import like, sigmoid, tanh
from .plan import GRU, LSTM
from .routine import routine
from .views import fill, span


@routine
def control(kind, counters, linear, gates, h_before, c_before, h, c):
    """Set h and c of one sequence from the pre-activations of its gates.

    The last `counters` cells of an LSTM count. They have no forget gate, and what they add of the numbers is in
    its place; the candidates of the last `linear` cells are not squashed.
    """
    size = h.shape[0]
    kept = size - counters
    if kind == LSTM:
        i, f, g, o = (
            span(gates, 0, size),
            span(gates, size, size),
            span(gates, 2 * size, size),
            span(gates, 3 * size, size),
        )
        for n in range(size + kept):
            gates[n] = sigmoid(gates[n])
        for n in range(size - linear):
            g[n] = tanh(g[n])
        for n in range(size):
            o[n] = sigmoid(o[n])
        for n in range(kept):
            c[n] = f[n] * c_before[n] + i[n] * g[n]
        for n in range(kept, size):
            c[n] = c_before[n] + i[n] * (g[n] + f[n])
        for n in range(size):
            h[n] = o[n] * tanh(c[n])
    elif kind == GRU:
        r, z, new, old = (
            span(gates, 0, size),
            span(gates, size, size),
            span(gates, 2 * size, size),
            span(gates, 3 * size, size),
        )
        for n in range(2 * size):
            gates[n] = sigmoid(gates[n])
        for n in range(size):
            new[n] = tanh(new[n] + r[n] * old[n])
        for n in range(size):
            h[n] = new[n] + z[n] * (h_before[n] - new[n])
    else:
        for n in range(size):
            gates[n] = tanh(gates[n])
            h[n] = gates[n]


@routine
def control_backward(kind, counters, linear, gates, h_before, c_before, c, dh, dc, dh_before):
    """Backward of `control`: overwrites dc, the gradient of c, with that of c_before; sets dh_before."""
    size = dh.shape[0]
    kept = size - counters
    one = like(dh[0], 1.0)
    fill(dh_before, like(dh[0], 0.0))
    if kind == LSTM:
        gi, gf, gg, go = (
            span(gates, 0, size),
            span(gates, size, size),
            span(gates, 2 * size, size),
            span(gates, 3 * size, size),
        )
        for n in range(size):  # few arrays a loop: a compiler checks each pair of them for overlap
            tanh_c = tanh(c[n])
            dc[n] += dh[n] * go[n] * (one - tanh_c * tanh_c)
            go[n] = dh[n] * tanh_c * go[n] * (one - go[n])
        for n in range(kept):
            i, g = gi[n], gg[n]
            gi[n] = dc[n] * g * i * (one - i)
            gg[n] = dc[n] * i * (one - g * g)
        for n in range(kept, size):
            i, g = gi[n], gg[n]
            gi[n] = dc[n] * (g + gf[n]) * i * (one - i)
            gf[n] = dc[n] * i
            gg[n] = gf[n] if n >= size - linear else gf[n] * (one - g * g)
        for n in range(kept):
            f = gf[n]
            gf[n] = dc[n] * c_before[n] * f * (one - f)
            dc[n] *= f
    elif kind == GRU:
        gr, gz, gnew, gold = (
            span(gates, 0, size),
            span(gates, size, size),
            span(gates, 2 * size, size),
            span(gates, 3 * size, size),
        )
        for n in range(size):
            r, z, new, old = gr[n], gz[n], gnew[n], gold[n]
            dnew = dh[n] * (one - z) * (one - new * new)
            gz[n] = dh[n] * (h_before[n] - new) * z * (one - z)
            gr[n] = dnew * old * r * (one - r)
            gnew[n] = dnew
            gold[n] = dnew * r
            dh_before[n] = dh[n] * z
    else:
        for n in range(size):
            gates[n] = dh[n] * (one - gates[n] * gates[n])
