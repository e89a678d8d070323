"""Three convolutions over the whole sequence: what the MNIST-1D paper compares with."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from src.common import checks
from src.networks.at_once import AtOnce

KERNELS = (5, 3, 3)
STRIDE, PADDING = 2, 1


class CNN(AtOnce):
    """Convolutions in time with ReLU, each halving the steps, then a linear layer; it answers once.

    Greydanus and Kobak, "Scaling Down Deep Learning with MNIST-1D", arXiv:2011.14439: the CNN of figure 2. Of 40
    steps 19, 10 and 5 are left, of 20 steps 9, 5 and 3.

    Args:
        steps: T of every sequence; None where it changes, which a linear layer cannot read.
        input_size: features of a step, F.
        output_size: O.
        channels: of each convolution.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range, or sequences of changing length.
    """

    name = "cnn"

    def __init__(self, steps: int | None, input_size: int, output_size: int, channels: int = 25) -> None:
        super().__init__(steps, input_size)
        checks.integer("channels", channels)
        layers: list[nn.Module] = []
        sizes = pairwise([input_size, *[channels] * len(KERNELS)])
        left = self.steps
        for (before, after), kernel in zip(sizes, KERNELS, strict=True):
            layers += [nn.Conv1d(before, after, kernel, STRIDE, PADDING), nn.ReLU()]
            left = (left + 2 * PADDING - kernel) // STRIDE + 1
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * left, output_size))

    def answer(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B O"]:
        """The one answer to each sequence."""
        return self.layers(x.mT)
