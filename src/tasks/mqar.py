"""Multi-query associative recall: hear pairs of a key and a value, then answer each key with its value.

Arora et al., "Zoology", arXiv:2312.04927. For 2 pairs and length 8:

    step         0    1    2    3    4    5    6    7
    input        k1   v1   k2   v2   .    k2   .    k1
    answer       .    .    .    .    .    v2   .    v1
    mask         0    0    0    0    0    1    0    1

Keys are the first half of the vocabulary, values the second half; those of a sequence differ from each other. Each
key is asked once, at random steps after the pairs, all of them equally probable. The paper draws the steps from a
power law and fills the blank steps with random symbols; here blank steps are zeros.
"""

from typing import Any

import torch
from jaxtyping import Integer
from torch import Tensor

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch
from .generated import Generated


class MQAR(Generated):
    """Multi-query associative recall as a LightningDataModule. An answer is one of the values, a class each.

    >>> batch = MQAR(min_pairs=1, max_pairs=1, vocabulary=4).draw(torch.Generator().manual_seed(10), 1, 1, 5)
    >>> batch.x[0].T  # two keys, two values
    tensor([[0., 0., 0., 0., 0.],
            [1., 0., 0., 0., 1.],
            [0., 0., 0., 0., 0.],
            [0., 1., 0., 0., 0.]])
    >>> batch.y[0], batch.mask[0]  # class 1 is the second value
    (tensor([0, 0, 0, 0, 1]), tensor([0., 0., 0., 0., 1.]))

    Args:
        min_pairs, max_pairs: pairs of a sequence in training; at most half of the vocabulary.
        min_length, max_length: T of a sequence in training, at least 3 steps a pair; both may be the same.
        vocabulary: symbols, half of them keys and half values.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.
    """

    objective = "symbols"
    axes = (Axis("pairs", "pairs", named=True), Axis("length", "lengths", named=True))

    def __init__(
        self,
        min_pairs: int = 1,
        max_pairs: int = 16,
        min_length: int = 48,
        max_length: int = 64,
        vocabulary: int = 256,
        batch_size: int = 16,
        test_cells: list[Any] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        self.pairs = checks.span("pairs", min_pairs, max_pairs)
        self.lengths = checks.span("length", min_length, max_length)
        if checks.integer("vocabulary", vocabulary, least=2) % 2:
            raise checks.refuse("vocabulary", vocabulary, "an even number, half keys and half values")
        self.vocabulary, self.values = vocabulary, vocabulary // 2
        if 3 * max_pairs > min_length:
            raise checks.refuse("max_pairs", max_pairs, f"at most a third of min_length={min_length}")
        self.check_keys("max_pairs", max_pairs)
        for i, (pairs, _) in enumerate(self.test_cells):
            self.check_keys(f"test_cells[{i}][0]", pairs)
        self.input_size, self.output_size = vocabulary, self.values

    def check_keys(self, key: str, pairs: int) -> None:
        """Refuse more pairs than there are keys."""
        if pairs > self.values:
            raise checks.refuse(key, pairs, f"at most half of vocabulary={self.vocabulary}")

    @classmethod
    def check_cell(cls, key: str, cell: tuple[int, ...]) -> None:
        pairs, length = cell
        if 3 * pairs > length:
            raise checks.refuse(key, list(cell), "[pairs, length] with a length of at least 3 * pairs")

    def draw(self, source: torch.Generator, size: int, pairs: int, length: int) -> SequenceBatch:
        self.check_keys("pairs", pairs)
        keys, values = (some_of(source, size, self.values, pairs) for _ in range(2))
        steps = 2 * pairs + some_of(source, size, length - 2 * pairs, pairs)
        row, pair = torch.arange(size).unsqueeze(1), torch.arange(pairs)
        x = torch.zeros(size, length, self.vocabulary)
        x[row, 2 * pair, keys] = 1.0
        x[row, 2 * pair + 1, self.values + values] = 1.0
        x[row, steps, keys] = 1.0
        y = torch.zeros(size, length, dtype=torch.long)
        y[row, steps] = values
        mask = torch.zeros(size, length)
        mask[row, steps] = 1.0
        return SequenceBatch(x, y, mask)

    def steps_of(self, pairs: int, length: int) -> int:
        """The length."""
        return length

    def needed_slots(self, batch: Any) -> int:
        """A slot for each key and each value."""
        return 2 * int(batch.mask[0].sum())

    def channels(self) -> tuple[list[str], list[str]]:
        keys, values = ([f"{kind} {i + 1}" for i in range(self.values)] for kind in ("key", "value"))
        return keys + values, values


def some_of(source: torch.Generator, size: int, population: int, count: int) -> Integer[Tensor, "size count"]:
    """Different numbers below `population` for each sequence, in random order."""
    return torch.rand(size, population, generator=source).topk(count).indices
