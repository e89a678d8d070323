"""Reverse: read a sequence of random words, output it backwards. For length 3, T = 2 L + 1:

    step         0    1    2    3    4    5    6
    payload in   x0   x1   x2   .    .    .    .
    delimiter    .    .    .    1    .    .    .
    payload out  .    .    .    .    x2   x1   x0
    mask         0    0    0    0    1    1    1

As `Copy`, but the memory is read from its last word to the first: a stack instead of a queue.
"""

import torch

from .batches import SequenceBatch
from .copy import Copy, lay_out
from .words import random_words


class Reverse(Copy):
    """Reverse as a LightningDataModule; the arguments are those of `Copy`.

    >>> batch = Reverse(width=2).draw(torch.Generator().manual_seed(0), 1, 2)
    >>> batch.x[0].T  # payload, delimiter
    tensor([[0., 1., 0., 0., 0.],
            [1., 0., 0., 0., 0.],
            [0., 0., 1., 0., 0.]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 1., 0.],
            [0., 0., 0., 0., 1.]])
    """

    def draw(self, source: torch.Generator, size: int, length: int) -> SequenceBatch:
        words = random_words(source, size, length, self.width)
        return lay_out(words, words.flip(1))
