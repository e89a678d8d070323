"""Three convolutions over the whole sequence: the CNN of the MNIST-1D paper."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from .fixed_length import FixedLength

KERNELS = (5, 3, 3)
STRIDE, PADDING = 2, 1


class CNN(FixedLength):
    """Convolutions in time with ReLU, each halving the steps, then a linear layer; it answers once.

    Greydanus and Kobak, "Scaling Down Deep Learning with MNIST-1D", arXiv:2011.14439: the CNN of figure 2. The
    lengths are 19, 10 and 5 for 40 steps, and 9, 5 and 3 for 20.

    Args:
        steps: T of every sequence; None for a changing length, which is refused.
        input_size: features of a step, F.
        output_size: O.
        channels: of every convolution.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range, or sequences of changing length.
    """

    name = "cnn"

    def __init__(self, steps: int | None, input_size: int, output_size: int, channels: int = 25) -> None:
        super().__init__(steps, input_size)
        checks.integer("channels", channels)
        layers: list[nn.Module] = []
        sizes = pairwise([input_size, *[channels] * len(KERNELS)])
        length = self.steps
        for (before, after), kernel in zip(sizes, KERNELS, strict=True):
            layers += [nn.Conv1d(before, after, kernel, STRIDE, PADDING), nn.ReLU()]
            length = (length + 2 * PADDING - kernel) // STRIDE + 1
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * length, output_size))

    def answer(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B O"]:
        """The answer to each sequence."""
        return self.layers(x.mT)
