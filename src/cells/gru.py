"""Gated recurrent unit, with the equations and the parameters of `torch.nn.GRU`."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from ..common import checks
from . import boundary
from .base import ENGINE_CHOICES
from .layered import Layered


class GRUState(NamedTuple):
    """State of a GRU: one tensor per layer."""

    hidden: tuple[Float[Tensor, "B C"], ...]


class GRU(Layered):
    """A stack of GRU layers; the output is the hidden state of the last layer.

    Cho et al., arXiv:1406.1078, with the reset gate after the product, as in `torch.nn.GRU`.

    Args:
        input_size, hidden_size, num_layers: as of `Layered`.
        engine: fused (compiled kernels over the whole sequence), reference (torch's own) or auto (fused where an
            engine covers it). The network that runs it reads it; results agree up to rounding.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """

    kind = nn.GRU

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, engine: str = "auto") -> None:
        super().__init__(input_size, hidden_size, num_layers)
        self.engine = checks.choice("engine", engine, ENGINE_CHOICES)

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> GRUState:
        zeros = self.any_weight.new_zeros(batch_size, self.output_size)
        return GRUState((zeros,) * self.num_layers)

    def step(self, x: Float[Tensor, "B F"], state: GRUState) -> tuple[Float[Tensor, "B C"], GRUState]:
        if self._hooked:
            y, state = self.sequence(x.unsqueeze(1), state)
            return y.squeeze(1), state
        one_layer = equations if boundary.transformed() else torch.gru_cell
        hidden = []
        for before, weights in zip(state.hidden, self.layers.all_weights, strict=True):
            # Under autocast a state keeps its dtype.
            x = one_layer(x, before, *weights).to(before.dtype)
            hidden.append(x)
        return x, GRUState(tuple(hidden))

    def sequence(
        self, x: Float[Tensor, "B T F"], state: GRUState | None
    ) -> tuple[Float[Tensor, "B T C"], GRUState]:
        """All steps in one library call; equals calling `step` T times."""
        x = self.check(x, state)
        state = self.initial_state(len(x)) if state is None else state
        y, after = self.layers(x, torch.stack(state.hidden))
        return y, GRUState(after.to(x.dtype).unbind(0))


def equations(
    x: Float[Tensor, "B F"], h: Float[Tensor, "B C"], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> Float[Tensor, "B C"]:
    """The equations of `torch.gru_cell`, which `torch.func.vmap` does not support: h after one step.

    The weights are [3 C, F] and [3 C, C], the biases [3 C], in the order of `torch.nn.GRU`.
    """
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, 1)
    r_h, z_h, n_h = linear(h, w_hh, b_hh).chunk(3, 1)
    n = (n_x + (r_x + r_h).sigmoid() * n_h).tanh()
    return n + (z_x + z_h).sigmoid() * (h - n)
