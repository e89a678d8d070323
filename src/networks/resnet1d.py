"""Residual network over the whole sequence: a strong MNIST-1D baseline without recurrence."""

from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from .fixed_length import FixedLength

KERNEL = 5


def convolution(before: int, channels: int) -> nn.Sequential:
    """A convolution in time that keeps the number of steps, and a group norm."""
    # A group norm is the same in training and evaluation, independent of the batch, and has no buffers.
    return nn.Sequential(
        nn.Conv1d(before, channels, KERNEL, padding=KERNEL // 2, bias=False), nn.GroupNorm(1, channels)
    )


class Block(nn.Module):
    """x -> relu(x + norm(conv(relu(norm(conv(x)))))): figure 2 of the paper.

    Args:
        channels: C of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels)

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        return (x + self.second(self.first(x).relu())).relu()


class ResNet1D(FixedLength):
    """A convolution, residual blocks, the mean over the steps, a linear layer; it answers once.

    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, in one dimension and
    of one width, with group norms of one group (Wu and He, arXiv:1803.08494) instead of batch norms.

    Args:
        steps: T of every sequence; None for a changing length, which is refused.
        input_size: features of a step, F.
        output_size: O.
        channels: C of every convolution.
        blocks: number of residual blocks.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range, or sequences of changing length.
    """

    name = "resnet1d"

    def __init__(
        self, steps: int | None, input_size: int, output_size: int, channels: int = 32, blocks: int = 3
    ) -> None:
        super().__init__(steps, input_size)
        checks.integer("channels", channels)
        checks.integer("blocks", blocks)
        self.stem = convolution(input_size, channels)
        self.blocks = nn.Sequential(*[Block(channels) for _ in range(blocks)])
        self.readout = nn.Linear(channels, output_size)

    def answer(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B O"]:
        """The answer to each sequence."""
        return self.readout(self.blocks(self.stem(x.mT).relu()).mean(2))
