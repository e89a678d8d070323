"""Missing duplicate: read a string twice with one symbol hidden, answer with that symbol.

Of the Chomsky benchmark, arXiv:2207.02098. The string has half the length; an odd length ends with padding. For
length 7, with `?` for the placeholder and `_` for the padding, T = n + 1:

    step         0    1    2    3    4    5    6    7
    symbols      s1   s2   s3   s1   ?    s3   _    .
    answer flag  .    .    .    .    .    .    .    1
    answer       .    .    .    .    .    .    .    s2
    mask         0    0    0    0    0    0    0    1

The benchmark also has length 1, with an arbitrary constant answer; here lengths begin at 2.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from .strings import StringTask


class MissingDuplicate(StringTask):
    """Missing duplicate as a LightningDataModule; the arguments are those of `StringTask`.

    >>> batch = MissingDuplicate().draw(torch.Generator().manual_seed(0), 1, 5)
    >>> batch.x[0].T  # symbols 0 and 1, placeholder, padding, answer flag
    tensor([[1., 0., 1., 0., 0., 0.],
            [0., 0., 0., 1., 0., 0.],
            [0., 1., 0., 0., 0., 0.],
            [0., 0., 0., 0., 1., 0.],
            [0., 0., 0., 0., 0., 1.]])
    >>> batch.y[0], batch.mask[0]
    (tensor([0, 0, 0, 0, 0, 1]), tensor([0., 0., 0., 0., 0., 1.]))
    """

    further = ("placeholder", "padding")
    shortest = 2

    def strings(self, source: torch.Generator, size: int, length: int) -> tuple[Tensor, Tensor]:
        half, odd = divmod(length, 2)
        twice = self.random(source, size, half).repeat(1, 2)
        hidden = torch.randint(0, 2 * half, (size, 1), generator=source)
        placeholder, padding = self.vocabulary, self.vocabulary + 1
        return pad(twice.scatter(1, hidden, placeholder), (0, odd), value=padding), twice.gather(1, hidden)

    def steps_of(self, length: int) -> int:
        """n + 1."""
        return length + 1
