"""Seek: read words, then go from word to word by the signed distances that are told, and say each one.

A distance d, 0 < |d| <= reach, comes at the step where the word that far from the last one is due: a head must
jump, and has no step to spare. See `src.tasks.paths` for the walk. For length 4 and 2 hops, T = L + 1 + hops:

    step         0    1    2    3    4    5    6
    payload in   x0   x1   x2   x3   .    .    .
    go           .    .    .    .    1    .    .
    distance     .    .    .    .    .    3*   -2*      * divided by its root mean square in training, or one-hot
    payload out  .    .    .    .    x0   x3   x1
    mask         0    0    0    0    1    1    1
"""

import torch

from .batches import SequenceBatch
from .paths import Moves, walk
from .walks import Walks


class Seek(Walks):
    """Seek as a LightningDataModule; the arguments are those of `Walks`.

    >>> batch = Seek(reach=3, width=2).draw(torch.Generator().manual_seed(1), 1, 4, 2, 3)
    >>> batch.x[0].T  # payload, go, distance
    tensor([[ 0.0000,  1.0000,  0.0000,  0.0000,  0.0000,  0.0000,  0.0000],
            [ 1.0000,  0.0000,  1.0000,  0.0000,  0.0000,  0.0000,  0.0000],
            [ 0.0000,  0.0000,  0.0000,  0.0000,  1.0000,  0.0000,  0.0000],
            [ 0.0000,  0.0000,  0.0000,  0.0000,  0.0000,  1.3887, -0.9258]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 0., 0., 0., 1.],
            [0., 0., 0., 0., 1., 0., 0.]])
    >>> batch.mask[0]
    tensor([0., 0., 0., 0., 1., 1., 1.])
    """

    def sequences(self, source: torch.Generator, size: int, length: int, moves: Moves) -> SequenceBatch:
        path = walk(source, size, length, moves)
        batch = self.lay_out(source, length, path)
        batch.x[:, length + 1 :, self.width + 1 :] = self.encode(path.diff(dim=1))
        return batch
