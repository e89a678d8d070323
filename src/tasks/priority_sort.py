"""Priority sort: read words with priorities, output those with the highest priorities, the highest first.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 4.5. For length 4 and share 0.5, so that 2 words are due, and
p2 > p0 > p3 > p1, T = 4 + 1 + 2:

    step         0    1    2    3    4    5    6
    payload in   x0   x1   x2   x3   .    .    .
    priority     p0   p1   p2   p3   .    .    .
    delimiter    .    .    .    .    1    .    .
    payload out  .    .    .    .    .    x2   x0
    mask         0    0    0    0    0    1    1

Priorities are uniform on -1..1. The paper has 20 words, of which 16 are due; here training has shorter ones, too.
"""

import math
from typing import Any

import torch

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch, answered
from .generated import Generated
from .words import bit_names, random_words


class PrioritySort(Generated):
    """Priority sort as a LightningDataModule.

    >>> batch = PrioritySort(width=1, share=0.5).draw(torch.Generator().manual_seed(8), 1, 4)
    >>> batch.x[0].T  # payload, priority, delimiter
    tensor([[ 1.0000,  0.0000,  1.0000,  1.0000,  0.0000,  0.0000,  0.0000],
            [ 0.0276,  0.2887,  0.7981, -0.9718,  0.0000,  0.0000,  0.0000],
            [ 0.0000,  0.0000,  0.0000,  0.0000,  1.0000,  0.0000,  0.0000]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 0., 0., 1., 0.]])
    >>> batch.mask[0]
    tensor([0., 0., 0., 0., 0., 1., 1.])

    Args:
        min_length, max_length: words of a sequence in training; 20 and 20 are those of the paper.
        width: bits of a word.
        share: share of the words that are due, rounded to whole words, at least one.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.
    """

    objective = "bits_without_end"
    has_input_length = True
    axes = (Axis("length", "lengths", named=True),)

    def __init__(
        self,
        min_length: int = 2,
        max_length: int = 20,
        width: int = 8,
        share: float = 0.8,
        batch_size: int = 16,
        test_cells: list[Any] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        self.lengths = checks.span("length", min_length, max_length)
        self.width = checks.integer("width", width)
        self.share = checks.number("share", share, above=0, most=1)
        self.input_size, self.output_size = width + 2, width
        self.numbers = (width,)

    def due(self, length: int) -> int:
        """Words of the answer.

        >>> [PrioritySort().due(length) for length in (1, 2, 10, 20)]
        [1, 2, 8, 16]
        """
        return max(math.floor(self.share * length + 0.5), 1)

    def draw(self, source: torch.Generator, size: int, length: int) -> SequenceBatch:
        due, width = self.due(length), self.width
        words = random_words(source, size, length, width)
        priorities = 2 * torch.rand(size, length, generator=source) - 1
        order = priorities.argsort(1, descending=True)[:, :due]
        x = torch.zeros(size, length + 1 + due, width + 2)
        x[:, :length, :width] = words
        x[:, :length, width] = priorities
        x[:, length, width + 1] = 1.0
        return answered(x, words.gather(1, order.unsqueeze(2).expand(-1, -1, width)))

    def steps_of(self, length: int) -> int:
        """The words, the delimiter, and the words that are due."""
        return length + 1 + self.due(length)

    def channels(self) -> tuple[list[str], list[str]]:
        payload = bit_names(self.width)
        return [*payload, "priority", "delimiter"], payload
