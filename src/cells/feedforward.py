"""Feedforward controller: without a state, so that the external memory is the only memory."""

from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from .base import Cell


class Feedforward(Cell):
    """One linear layer with a tanh; the state is empty.

    Args:
        input_size: features of an input, F.
        hidden_size: features of an output, C.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.output_size = checks.integer("hidden_size", hidden_size)
        self.layer = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> tuple[()]:
        return ()

    def step(self, x: Float[Tensor, "B F"], state: tuple[()]) -> tuple[Float[Tensor, "B C"], tuple[()]]:
        return self.layer(x).tanh(), state
