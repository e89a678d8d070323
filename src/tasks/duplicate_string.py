"""Duplicate string: read a string, answer with the string twice. Of the Chomsky benchmark, arXiv:2207.02098.

step         0    1    2    3    4    5    6    7    8
symbols      s1   s2   s3   .    .    .    .    .    .
answer flag  .    .    .    1    1    1    1    1    1
answer       .    .    .    s1   s2   s3   s1   s2   s3
mask         0    0    0    1    1    1    1    1    1
"""

import torch
from torch import Tensor

from .strings import StringTask


class DuplicateString(StringTask):
    """Duplicate string as a LightningDataModule; the arguments are those of `StringTask`.

    >>> batch = DuplicateString().draw(torch.Generator().manual_seed(0), 1, 2)
    >>> batch.x[0].T  # symbols 0 and 1, answer flag
    tensor([[1., 0., 0., 0., 0., 0.],
            [0., 1., 0., 0., 0., 0.],
            [0., 0., 1., 1., 1., 1.]])
    >>> batch.y[0], batch.mask[0]
    (tensor([0, 0, 0, 1, 0, 1]), tensor([0., 0., 1., 1., 1., 1.]))
    """

    def strings(self, source: torch.Generator, size: int, length: int) -> tuple[Tensor, Tensor]:
        read = self.random(source, size, length)
        return read, read.repeat(1, 2)

    def steps_of(self, length: int) -> int:
        """3 n."""
        return 3 * length
