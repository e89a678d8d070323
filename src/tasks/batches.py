"""Whole batches: their form, their loader, and their shards for several processes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

#: Batches that a loader makes at a time.
AHEAD = 8


class SequenceBatch(NamedTuple):
    """Sequences with a target at the steps where the mask is 1; other steps of the target are 0."""

    x: Float[Tensor, "B T F"]
    y: Float[Tensor, "B T O"] | Integer[Tensor, "B T"]  # bits, or symbols
    mask: Float[Tensor, "B T"]


def answered(
    x: Float[Tensor, "B T F"], due: Float[Tensor, "B answers O"] | Integer[Tensor, "B answers"]
) -> SequenceBatch:
    """Sequences with an answer at each of their last steps.

    >>> batch = answered(torch.ones(1, 4, 2), torch.tensor([[7, 8]]))
    >>> batch.y, batch.mask
    (tensor([[0, 0, 7, 8]]), tensor([[0., 0., 1., 1.]]))
    """
    answers = due.shape[1]
    y, mask = due.new_zeros(*x.shape[:2], *due.shape[2:]), x.new_zeros(x.shape[:2])
    y[:, -answers:] = due
    mask[:, -answers:] = 1.0
    return SequenceBatch(x, y, mask)


class BatchDataset(Dataset):
    """A dataset of whole batches: item n is `make(n)`, so that loaders neither collate nor shuffle.

    Batches are made a few at a time: after an update the code that makes them is out of the processor's cache,
    so that the first batch takes two or three times as long as those after it.
    """

    def __init__(self, make: Callable[[int], Any], numbers: range) -> None:
        self.make = make
        self.numbers = numbers
        self.made: dict[int, Any] = {}

    def __getitem__(self, n: int) -> Any:
        if n not in self.made:
            self.made = {m: self.make(m) for m in range(n, min(n + AHEAD, self.numbers.stop))}
        return self.made.pop(n)


def loader(make: Callable[[int], Any], numbers: range) -> DataLoader:
    """A loader of the batches with these numbers, in order."""
    # Without a generator, a loader would draw from the global one, which is reserved for the model.
    return DataLoader(BatchDataset(make, numbers), batch_size=None, sampler=numbers, generator=torch.Generator())


def shard(batch: Any, part: int, parts: int) -> Any:
    """The sequences of a batch for one of several processes; a remainder goes to the first processes.

    >>> from collections import namedtuple
    >>> Batch = namedtuple("Batch", "y")
    >>> [shard(Batch(torch.arange(5)), part, 2).y.tolist() for part in range(2)]
    [[0, 1, 2], [3, 4]]
    """
    return type(batch)(*(tensor.tensor_split(parts)[part] for tensor in batch))


def prolonged(batch: Any, steps: int) -> Any:
    """A batch with further steps at its end, without input or answer, to see what a model says after the answer.

    >>> batch = SequenceBatch(torch.ones(2, 3, 4), torch.ones(2, 3, 5), torch.ones(2, 3))
    >>> [tuple(tensor.shape) for tensor in prolonged(batch, 2)], prolonged(batch, 2).mask[0].tolist()
    ([(2, 5, 4), (2, 5, 5), (2, 5)], [1.0, 1.0, 1.0, 0.0, 0.0])
    """
    time = batch.x.shape[1]

    def longer(tensor: Tensor) -> Tensor:
        if tensor.ndim < 2 or tensor.shape[1] != time:
            return tensor
        return torch.cat([tensor, tensor.new_zeros(len(tensor), steps, *tensor.shape[2:])], dim=1)

    return type(batch)(*map(longer, batch))
