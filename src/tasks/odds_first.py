"""Odds first: read a string, answer with its first, third, fifth ... symbols, then the second, fourth ... ones.

Of the Chomsky benchmark, arXiv:2207.02098. For 5 symbols, T = 2 n:

    step         0    1    2    3    4    5    6    7    8    9
    symbols      s1   s2   s3   s4   s5   .    .    .    .    .
    answer flag  .    .    .    .    .    1    1    1    1    1
    answer       .    .    .    .    .    s1   s3   s5   s2   s4
    mask         0    0    0    0    0    1    1    1    1    1

This is the text of the paper, which counts from 1. The benchmark's code counts from 0: there s2 s4 come first.
"""

import torch
from torch import Tensor

from .strings import StringTask


class OddsFirst(StringTask):
    """Odds first as a LightningDataModule; the arguments are those of `StringTask`.

    >>> batch = OddsFirst().draw(torch.Generator().manual_seed(1), 1, 4)
    >>> batch.x[0].T  # symbols 0 and 1, answer flag
    tensor([[0., 0., 1., 1., 0., 0., 0., 0.],
            [1., 1., 0., 0., 0., 0., 0., 0.],
            [0., 0., 0., 0., 1., 1., 1., 1.]])
    >>> batch.y[0], batch.mask[0]
    (tensor([0, 0, 0, 0, 1, 0, 1, 0]), tensor([0., 0., 0., 0., 1., 1., 1., 1.]))
    """

    def strings(self, source: torch.Generator, size: int, length: int) -> tuple[Tensor, Tensor]:
        read = self.random(source, size, length)
        return read, torch.cat([read[:, ::2], read[:, 1::2]], 1)

    def steps_of(self, length: int) -> int:
        """2 n."""
        return 2 * length
