"""Copy: read a sequence of random words, output it again.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 4.1. For length 3, T = 2 L + 1:

    step         0    1    2    3    4    5    6
    payload in   x0   x1   x2   .    .    .    .
    delimiter    .    .    .    1    .    .    .
    payload out  .    .    .    .    x0   x1   x2
    mask         0    0    0    0    1    1    1
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch, answered
from .generated import Generated
from .words import bit_names, random_words


def lay_out(heard: Float[Tensor, "B L width"], due: Float[Tensor, "B L width"]) -> SequenceBatch:
    """Sequences of the words to hear, the delimiter, and then the words that are due, without input.

    >>> batch = lay_out(torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]), torch.tensor([[[1.0, 1.0], [1.0, 0.0]]]))
    >>> batch.x[0].T  # payload, delimiter
    tensor([[1., 1., 0., 0., 0.],
            [0., 1., 0., 0., 0.],
            [0., 0., 1., 0., 0.]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 1., 1.],
            [0., 0., 0., 1., 0.]])
    >>> batch.mask[0]
    tensor([0., 0., 0., 1., 1.])
    """
    size, length, width = heard.shape
    x = torch.zeros(size, 2 * length + 1, width + 1)
    x[:, :length, :width] = heard
    x[:, length, width] = 1.0
    return answered(x, due)


class Copy(Generated):
    """Copy as a LightningDataModule: fresh training batches, fixed validation and test sets.

    Args:
        min_length, max_length: words of a sequence in training; both may be the same.
        width: bits of a word.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.
    """

    objective = "bits_without_end"
    has_input_length = True
    axes = (Axis("length", "lengths", named=True),)

    def __init__(
        self,
        min_length: int = 1,
        max_length: int = 20,
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
        self.width = checks.integer("width", width)
        self.input_size, self.output_size = width + 1, width

    def draw(self, source: torch.Generator, size: int, length: int) -> SequenceBatch:
        words = random_words(source, size, length, self.width)
        return lay_out(words, words)

    def steps_of(self, length: int) -> int:
        """2 L + 1."""
        return 2 * length + 1

    def channels(self) -> tuple[list[str], list[str]]:
        payload = bit_names(self.width)
        return [*payload, "delimiter"], payload
