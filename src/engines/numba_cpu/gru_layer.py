"""Kernels of a layer of GRU units, without a memory: a whole sequence, for some rows of a batch.

What the inputs add to the gates is computed before, for all steps at once. The K = 3 C numbers are in the order of
torch: reset, update, candidate. A name that begins with d is a gradient.
"""

import numpy as np
from jaxtyping import Float
from numba import njit

from . import denormals
from .controllers import control, control_backward
from .gru_bundles import Layer, LayerGradients
from .numerics import like
from .plan import GRU
from .products import accumulate
from .routine import KERNEL
from .views import at, copy, fill, flipped, keep_alive, span, uncounted


@njit(**KERNEL)
def forward(
    first: int,
    last: int,
    weights: Float[np.ndarray, "C K_padded"],
    bias: Float[np.ndarray, "K_padded"],
    layer: Layer,
) -> None:
    """All steps of the rows first..last-1; calls for different rows can run concurrently.

    Args:
        first, last: rows of the batch.
        weights, bias: from the state to the gates.
        layer: set, except its entries that are inputs.
    """
    flushed = denormals.flush()
    layer, weights, bias = uncounted(layer), uncounted(weights), uncounted(bias)
    rows, size = last - first, layer.h.shape[2]
    owned = np.empty((rows, weights.shape[1]), weights.dtype)
    by_state = uncounted(owned)
    for t in range(layer.by_input.shape[0]):
        h_before, h = at(layer.h, t), at(layer.h, t + 1)
        for row in range(rows):
            copy(bias, at(by_state, row))
        accumulate(by_state, span(h_before, first, rows), 0, weights)
        for b in range(first, last):
            gates, of_x, of_h = at(at(layer.gates, t), b), at(at(layer.by_input, t), b), at(by_state, b - first)
            for n in range(2 * size):
                gates[n] = of_x[n] + of_h[n]
            copy(span(of_x, 2 * size, size), span(gates, 2 * size, size))
            copy(span(of_h, 2 * size, size), span(gates, 3 * size, size))
            none = span(gates, 0, 0)  # the cell state of an LSTM
            control(GRU, 0, 0, gates, at(h_before, b), none, at(h, b), none)
    keep_alive(owned)
    denormals.restore(flushed)


@njit(**KERNEL)
def backward(
    first: int,
    last: int,
    weights: Float[np.ndarray, "K C_padded"],
    layer: Layer,
    d: LayerGradients,
) -> None:
    """Backward of `forward`.

    Args:
        first, last: as for the forward.
        weights: as for the forward, transposed.
        layer: as filled by the forward; its gates are overwritten.
        d: those of the outputs are inputs; all others are set or accumulated.
    """
    flushed = denormals.flush()
    layer, weights, d = uncounted(layer), uncounted(weights), uncounted(d)
    steps, rows, size, dtype = layer.by_input.shape[0], last - first, layer.h.shape[2], weights.dtype
    zero = like(weights[0, 0], 0.0)
    # For the gradient of the weights: of what the state adds to the gates, and the states, of all steps.
    owned_by_state = np.zeros((steps * rows, d.weights.shape[1]), dtype)
    owned_states = np.empty((steps * rows, size), dtype)
    owned_sums = np.empty((rows, weights.shape[1]), dtype)
    owned_rest = np.empty((rows, size), dtype)
    by_state, states = uncounted(owned_by_state), uncounted(owned_states)
    sums, rest = uncounted(owned_sums), uncounted(owned_rest)
    for t in range(steps - 1, -1, -1):
        h_before = at(layer.h, t)
        for row in range(rows):
            b = first + row
            gates, dh, dy = at(at(layer.gates, t), b), at(d.h, b), at(at(d.y, t), b)
            for n in range(size):
                dh[n] += dy[n]
            none = span(gates, 0, 0)
            control_backward(GRU, 0, 0, gates, at(h_before, b), none, none, dh, none, at(rest, row))
            of_x, of_h = at(at(d.by_input, t), b), at(by_state, t * rows + row)
            copy(span(gates, 0, 3 * size), of_x)
            copy(span(gates, 0, 2 * size), of_h)
            copy(span(gates, 3 * size, size), span(of_h, 2 * size, size))
            copy(at(h_before, b), at(states, t * rows + row))
            for n in range(3 * size):
                d.bias[n] += of_h[n]
            fill(at(sums, row), zero)
        accumulate(sums, span(by_state, t * rows, rows), 0, weights)
        for row in range(rows):
            dh, one, other = at(d.h, first + row), at(sums, row), at(rest, row)
            for n in range(size):
                dh[n] = one[n] + other[n]
    accumulate(d.weights, flipped(states), 0, by_state)
    keep_alive(owned_by_state)
    keep_alive(owned_states)
    keep_alive(owned_sums)
    keep_alive(owned_rest)
    denormals.restore(flushed)
