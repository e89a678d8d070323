"""Long short-term memory, with the equations and the parameters of `torch.nn.LSTM`."""

import functools
from contextlib import nullcontext
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from . import boundary
from .base import full_precision
from .layered import Layered


class LSTMState(NamedTuple):
    """State of an LSTM: one tensor per layer."""

    hidden: tuple[Float[Tensor, "B C"], ...]
    cell: tuple[Float[Tensor, "B C"], ...]


class LSTM(Layered):
    """A stack of LSTM layers; the output is the hidden state of the last layer.

    Hochreiter and Schmidhuber, Neural Computation 9(8), 1997, with the forget gate of Gers et al., 2000.

    The arguments are those of `Layered`.
    """

    kind = nn.LSTM

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> LSTMState:
        zeros = self.any_weight.new_zeros(batch_size, self.output_size)
        return LSTMState((zeros,) * self.num_layers, (zeros,) * self.num_layers)

    def step(self, x: Float[Tensor, "B F"], state: LSTMState) -> tuple[Float[Tensor, "B C"], LSTMState]:
        if self._hooked:
            y, state = self.sequence(x.unsqueeze(1), state)
            return y.squeeze(1), state
        one_layer = equations if boundary.transformed() else torch.lstm_cell
        hidden, cell = [], []
        for before, c_before, weights in zip(*state, self.layers.all_weights, strict=True):
            h, c = one_layer(x, (before, c_before), *weights)
            # Under autocast a state keeps its dtype.
            x, c = h.to(before.dtype), c.to(c_before.dtype)
            hidden.append(x)
            cell.append(c)
        return x, LSTMState(tuple(hidden), tuple(cell))

    def sequence(
        self, x: Float[Tensor, "B T F"], state: LSTMState | None
    ) -> tuple[Float[Tensor, "B T C"], LSTMState]:
        """All steps in one library call; equals calling `step` T times."""
        x = self.check(x, state)
        state = self.initial_state(len(x)) if state is None else state
        initial = (torch.stack(state.hidden), torch.stack(state.cell))
        with nullcontext() if _autocast_supported(x) else full_precision(x):
            y, after = self.layers(x, initial)
        return y, LSTMState(*(part.to(x.dtype).unbind(0) for part in after))


def equations(
    x: Float[Tensor, "B F"],
    state: tuple[Float[Tensor, "B C"], Float[Tensor, "B C"]],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor,
    b_hh: Tensor,
) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B C"]]:
    """The equations of `torch.lstm_cell`, which `torch.func.vmap` does not support: (h, c) after one step.

    The weights are [4 C, F] and [4 C, C], the biases [4 C], in the order of `torch.nn.LSTM`.
    """
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _autocast_supported(x: Tensor) -> bool:
    """Whether torch can run an LSTM in the dtype of autocast; on many CPUs it cannot in half precision."""
    return x.device.type != "cpu" or not boundary.autocasts(x) or _runs_in_half(torch.get_autocast_dtype("cpu"))


@functools.cache
def _runs_in_half(dtype: torch.dtype) -> bool:
    """Whether torch's LSTM runs forward and backward on this CPU under autocast to a dtype."""
    x, state = torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)
    weights = [torch.zeros(shape, requires_grad=True) for shape in ((4, 1), (4, 1), (4,), (4,))]
    try:
        with torch.enable_grad(), torch.autocast("cpu", dtype):
            y, *_ = torch.lstm(x, (state, state), weights, True, 1, 0.0, True, False, True)
            y.sum().backward()
    except RuntimeError:
        return False
    return True
