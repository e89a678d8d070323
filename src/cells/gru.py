"""Gated recurrent unit, with the equations and the parameters of `torch.nn.GRU`."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from .layered import Layered


class GRUState(NamedTuple):
    """State of a GRU: one tensor per layer."""

    hidden: tuple[Float[Tensor, "B C"], ...]


class GRU(Layered):
    """A stack of GRU layers; the output is the hidden state of the last layer."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.output_size = checks.integer("hidden_size", hidden_size)
        self.num_layers = checks.integer("num_layers", num_layers)
        self.layers = nn.GRU(input_size, hidden_size, num_layers, batch_first=True)

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> GRUState:
        zeros = self.any_weight.new_zeros(batch_size, self.output_size)
        return GRUState((zeros,) * self.num_layers)

    def step(self, x: Float[Tensor, "B F"], state: GRUState) -> tuple[Float[Tensor, "B C"], GRUState]:
        if self._hooked:
            y, state = self.sequence(x.unsqueeze(1), state)
            return y.squeeze(1), state
        hidden = []
        for before, weights in zip(state.hidden, self.layers.all_weights, strict=True):
            # Under autocast a state keeps its dtype.
            x = torch.gru_cell(x, before, *weights).to(before.dtype)
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
