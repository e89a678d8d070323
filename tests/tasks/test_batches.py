"""The loader of whole batches."""

import torch

from src.tasks import batches


def test_the_loader_gives_each_batch_once_in_order():
    """Also where the numbers do not divide into groups, and none beyond the last is made."""
    made = []

    def make(n):
        made.append(n)
        return torch.tensor([n])

    numbers = range(3, 3 + 2 * batches.AHEAD + 1)
    assert [int(batch) for batch in batches.loader(make, numbers)] == list(numbers) == made


def test_the_loader_makes_a_few_batches_at_a_time():
    made = []

    def make(n):
        made.append(n)
        return torch.tensor([n])

    next(iter(batches.loader(make, range(100))))
    assert made == list(range(batches.AHEAD))
