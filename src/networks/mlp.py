"""Multilayer perceptron on the flattened sequence: the baseline without time."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from .fixed_length import FixedLength


class MLP(FixedLength):
    """Hidden layers with ReLU on a whole sequence flattened to one vector; it answers once.

    Args:
        steps: T of every sequence; None for a changing length, which is refused.
        input_size: features of a step, F.
        output_size: O.
        hidden_sizes: units of each hidden layer.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range, or sequences of changing length.
    """

    name = "mlp"

    def __init__(self, steps: int | None, input_size: int, output_size: int, hidden_sizes: list[int]) -> None:
        super().__init__(steps, input_size)
        sizes = checks.integers("hidden_sizes", hidden_sizes)
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise([self.steps * input_size, *sizes]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], output_size))

    def answer(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B O"]:
        """The answer to each sequence."""
        return self.layers(x)
