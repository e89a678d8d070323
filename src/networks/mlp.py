"""All features at once: the baseline without time."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from src import checks


class MLP(nn.Module):
    """Hidden layers with ReLU over a whole sequence laid out as one vector; it answers once.

    Args:
        steps: T of every sequence; None where it changes, which an MLP cannot read.
        input_size: features of a step, F.
        output_size: O.
        hidden_sizes: units of each hidden layer.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range, or sequences of changing length.
    """

    state_size = 0
    engine: str | None = None
    memory_slots: int | None = None

    def __init__(self, steps: int | None, input_size: int, output_size: int, hidden_sizes: list[int]) -> None:
        super().__init__()
        sizes = checks.integers("hidden_sizes", hidden_sizes)
        if steps is None:
            raise checks.Refusal(
                "name='mlp': reads sequences of one length and answers once, but this task's length changes "
                "and it answers at every step; must be one of lstm, gru, ntm, dms_ntm"
            )
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise([steps * input_size, *sizes]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], output_size))

    def forward(
        self, x: Float[Tensor, "B T F"], state: tuple[()] | None = None
    ) -> tuple[Float[Tensor, "B 1 O"], tuple[()]]:
        """The one answer, as a sequence of one step; `state` is empty and ignored."""
        return self.layers(x).unsqueeze(1), ()

    @torch.no_grad()
    def trace(self, x: Float[Tensor, "B T F"]) -> tuple[Float[Tensor, "B 1 O"], tuple[()], dict[str, Tensor]]:
        """As `forward`; there are no heads to see."""
        return *self(x), {}
