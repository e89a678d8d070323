"""A whole sequence of a GRU without a memory: the inputs' part of the gates by torch, the time loop by kernels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from ...cells import boundary
from ...cells.base import full_precision
from ...cells.gru import GRU, GRUState
from .gru_bundles import Layer, LayerGradients
from .kernel_threads import thread_count
from .kernels import gru_kernels
from .operation import DTYPES, check_backward, overridden, zero_padded
from .plan import padded
from .threads import over_rows

#: Methods of a GRU that are reimplemented: a GRU that overrides one is not supported.
REIMPLEMENTED = frozenset({"forward", "step", "sequence", "trace"})


def unknown(cell: GRU) -> str | None:
    """The reason why the kernels cannot run this kind of GRU; None if they can."""
    return overridden(type(cell), GRU, REIMPLEMENTED)


def altered(cell: GRU) -> str | None:
    """The reason why the kernels cannot replace the modules of this GRU; None if they can."""
    layers, name = cell._modules["layers"], boundary.altered(cell)
    if not REIMPLEMENTED.isdisjoint(cell.__dict__):
        name = type(cell).__name__
    elif type(layers) is not nn.GRU or not layers.bias or layers.bidirectional or layers.dropout:
        name = "layers"
    return None if name is None else f"{name} is hooked, parametrised or replaced"


def prepare(_: GRU, dtype: torch.dtype) -> None:
    """Compile the kernels for a dtype now instead of at the first batch."""
    gru_kernels(DTYPES[dtype])


def sequence(
    cell: GRU, x: Float[Tensor, "B T F"], state: GRUState | None
) -> tuple[Float[Tensor, "B T C"], GRUState]:
    """All steps of a GRU; equals `GRU.step` over time up to rounding.

    Raises:
        ValueError, TypeError: an input or a state that does not fit, see `Cell.check`; or weights that do not fit.
    """
    x = cell.check(x, state)
    state = cell.initial_state(len(x)) if state is None else state
    y, hidden = x.transpose(0, 1), []
    for before, (w_input, w_state, b_input, b_state) in zip(state.hidden, cell.layers.all_weights, strict=True):
        with full_precision(x):
            by_input = linear(y, w_input, b_input)
        _check_sizes(cell.output_size, by_input, w_state, b_state)
        y, after = _Layer.apply(torch.is_grad_enabled(), by_input, w_state, b_state, before)
        hidden.append(after)
    return y.transpose(0, 1), GRUState(tuple(hidden))


def _check_sizes(size: int, by_input: Tensor, w_state: Tensor, b_state: Tensor) -> None:
    """Refuse weights whose sizes do not fit: the kernels check no bounds."""
    rows, found = by_input.shape[2], f"weight_hh is {list(w_state.shape)}, bias_hh {list(b_state.shape)}"
    if (rows, w_state.shape, b_state.shape) != (3 * size, (3 * size, size), (3 * size,)):
        raise ValueError(f"weights of other sizes than for {size} units: weight_ih has {rows} rows, {found}")


class _Layer(torch.autograd.Function):
    """The two kernels as an autograd operation; its backward can be called once."""

    @staticmethod
    def forward(ctx, store, by_input, w_state, b_state, before):  # type: ignore[no-untyped-def]
        (steps, batch, _), size = by_input.shape, w_state.shape[1]
        h = by_input.new_empty(steps + 1, batch, size)
        h[0] = before
        gates = by_input.new_empty(steps, batch, 4 * size)
        layer = Layer(*(one.detach().contiguous().numpy() for one in (by_input, gates, h)))
        weights, bias = zero_padded(w_state.t())[:size], zero_padded(b_state)
        kernel, _ = gru_kernels(DTYPES[by_input.dtype])
        over_rows(lambda _, first, last: kernel(first, last, weights, bias, layer), batch, thread_count())
        if store and any(ctx.needs_input_grad):
            ctx.layer, ctx.h, ctx.version = layer, h, h._version
            ctx.save_for_backward(w_state)
        ctx.set_materialize_grads(False)
        return h[1:], h[-1].clone()

    @staticmethod
    def backward(ctx, dy, dafter):  # type: ignore[no-untyped-def]
        check_backward(ctx.layer, ctx.h, ctx.version)
        (w_state,) = ctx.saved_tensors
        h, layer = ctx.h, ctx.layer
        steps, batch, count = layer.by_input.shape
        threads = min(thread_count(), batch)
        dy = torch.zeros_like(h[1:]) if dy is None else dy.contiguous()
        dbefore = torch.zeros_like(h[0]) if dafter is None else dafter.contiguous().clone()
        dby_input = h.new_empty(steps, batch, count)
        weights = zero_padded(w_state)[: len(w_state)]
        # Each thread has its own sums for the gradients of the weights.
        sums = h.new_zeros(threads, w_state.shape[1] + 1, padded(count))
        shared = (dy.numpy(), dby_input.numpy(), dbefore.numpy())
        gradients = [LayerGradients(*shared, one[:-1].numpy(), one[-1].numpy()) for one in sums]
        _, kernel = gru_kernels(DTYPES[h.dtype])
        over_rows(lambda i, first, last: kernel(first, last, weights, layer, gradients[i]), batch, threads)
        ctx.layer = ctx.h = None
        total = sums.sum(0)[:, :count]
        return None, dby_input, total[:-1].t(), total[-1], dbefore
