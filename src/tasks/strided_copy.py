"""Strided copy: read words and a stride k, output every k-th word from the first, then from the second, ...

All words come out once. A head must learn to move by a distance that is told once. For length 5 and stride 2,
T = 2 L + 2:

    step         0    1    2    3    4    5    6    7    8    9    10   11
    payload in   x0   x1   x2   x3   x4   .    .    .    .    .    .    .
    delimiter    .    .    .    .    .    1    .    .    .    .    .    .
    stride       .    .    .    .    .    .    2*   .    .    .    .    .      * normalised as repeat-copy's count
    payload out  .    .    .    .    .    .    .    x0   x2   x4   x1   x3
    mask         0    0    0    0    0    0    0    1    1    1    1    1
"""

from typing import Any

import torch

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch, answered
from .generated import Generated
from .repeat_copy_sampler import normalise
from .words import bit_names, random_words


def strided(length: int, stride: int) -> list[int]:
    """The order in which the words come out.

    >>> strided(5, 2), strided(3, 7)
    ([0, 2, 4, 1, 3], [0, 1, 2])
    """
    return [word for first in range(stride) for word in range(first, length, stride)]


class StridedCopy(Generated):
    """Strided copy as a LightningDataModule: fresh training batches, fixed validation and test sets.

    Args:
        min_length, max_length: words of a sequence in training; both may be the same.
        min_stride, max_stride: in training; both may be the same. A stride of at least the length is a plain copy.
        width: bits of a word.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.

    >>> batch = StridedCopy(width=1, max_stride=2).draw(torch.Generator().manual_seed(2), 1, 3, 2)
    >>> batch.x[0].T  # payload, delimiter, stride
    tensor([[0., 1., 1., 0., 0., 0., 0., 0.],
            [0., 0., 0., 1., 0., 0., 0., 0.],
            [0., 0., 0., 0., 1., 0., 0., 0.]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 0., 0., 0., 1., 1.]])
    >>> batch.mask[0]
    tensor([0., 0., 0., 0., 0., 1., 1., 1.])
    """

    objective = "bits_without_end"
    has_input_length = True
    axes = (Axis("length", "lengths", named=True), Axis("stride", "strides", named=True))

    def __init__(
        self,
        min_length: int = 1,
        max_length: int = 16,
        min_stride: int = 1,
        max_stride: int = 4,
        width: int = 8,
        batch_size: int = 16,
        test_cells: list[Any] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        self.lengths = checks.span("length", min_length, max_length)
        self.strides = checks.span("stride", min_stride, max_stride)
        self.width = checks.integer("width", width)
        self.input_size, self.output_size = width + 2, width
        self.numbers = (width + 1,)

    def draw(self, source: torch.Generator, size: int, length: int, stride: int) -> SequenceBatch:
        words = random_words(source, size, length, self.width)
        x = torch.zeros(size, self.steps_of(length, stride), self.input_size)
        x[:, :length, : self.width] = words
        x[:, length, self.width] = 1.0
        x[:, length + 1, self.width + 1] = normalise(torch.tensor([stride]), *self.strides)
        return answered(x, words[:, strided(length, stride)])

    def steps_of(self, length: int, stride: int) -> int:
        """2 L + 2."""
        return 2 * length + 2

    def channels(self) -> tuple[list[str], list[str]]:
        payload = bit_names(self.width)
        return [*payload, "delimiter", "stride"], payload
