"""Pointer chasing: read words, each with the signed distance to another; then follow them and say the words.

As `src.tasks.seek`, but a distance is heard with its word and has to be recalled with it. The answers follow one
distance a step, without input. See `src.tasks.paths` for the walk. For length 4 and 2 hops, T = L + 1 + hops:

    step         0    1    2    3    4    5    6
    payload in   x0   x1   x2   x3   .    .    .
    distance     3*   1*   -1*  -2*  .    .    .        * divided by its root mean square in training, or one-hot
    go           .    .    .    .    1    .    .
    payload out  .    .    .    .    x0   x3   x1
    mask         0    0    0    0    1    1    1
"""

import torch

from .batches import SequenceBatch
from .paths import Moves, chain
from .walks import Walks


class PointerChasing(Walks):
    """Pointer chasing as a LightningDataModule; the arguments are those of `Walks`.

    >>> task = PointerChasing(width=1, encoding="one_hot", reach=2)
    >>> batch = task.draw(torch.Generator().manual_seed(3), 1, 3, 2, 2)
    >>> batch.x[0].T  # payload, go, distances -2, -1, 1, 2
    tensor([[0., 1., 1., 0., 0., 0.],
            [0., 0., 0., 1., 0., 0.],
            [0., 0., 0., 0., 0., 0.],
            [0., 1., 1., 0., 0., 0.],
            [0., 0., 0., 0., 0., 0.],
            [1., 0., 0., 0., 0., 0.]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 0., 1., 1.]])
    """

    def sequences(self, source: torch.Generator, size: int, length: int, moves: Moves) -> SequenceBatch:
        path, pointers = chain(source, size, length, moves)
        batch = self.lay_out(source, length, path)
        batch.x[:, :length, self.width + 1 :] = self.encode(pointers - torch.arange(length))
        return batch
