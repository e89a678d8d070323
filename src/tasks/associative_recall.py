"""Associative recall: read items, then one of them again, and output the item that followed it.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 4.3. An item is a few words after a delimiter; the query
stands between two flags. For 2 items a and b of 3 words, T = (items + 2) (item_length + 1):

    step            0    1    2    3    4    5    6    7    8    9    10   11   12   13   14   15
    payload in      .    a0   a1   a2   .    b0   b1   b2   .    a0   a1   a2   .    .    .    .
    item delimiter  1    .    .    .    1    .    .    .    .    .    .    .    .    .    .    .
    query delimiter .    .    .    .    .    .    .    .    1    .    .    .    1    .    .    .
    payload out     .    .    .    .    .    .    .    .    .    .    .    .    .    b0   b1   b2
    mask            0    0    0    0    0    0    0    0    0    0    0    0    0    1    1    1
"""

from typing import Any

import torch

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch, answered
from .generated import Generated
from .words import bit_names, random_words


class AssociativeRecall(Generated):
    """Associative recall as a LightningDataModule: fresh training batches, fixed validation and test sets.

    The queried item is any but the last, with equal chances. Items are independent, so that two of a sequence may
    be equal: of the default size, 1 of 17,000 sequences with 6 items has such a pair.

    Args:
        min_items, max_items: items of a sequence in training, at least 2; both may be the same.
        item_length: words of an item.
        width: bits of a word.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.

    >>> batch = AssociativeRecall(width=1, item_length=1).draw(torch.Generator().manual_seed(0), 1, 3)
    >>> batch.x[0].T  # payload, item delimiter, query delimiter
    tensor([[0., 0., 0., 1., 0., 1., 0., 0., 0., 0.],
            [1., 0., 1., 0., 1., 0., 0., 0., 0., 0.],
            [0., 0., 0., 0., 0., 0., 1., 0., 1., 0.]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 0., 0., 0., 0., 0., 0., 1.]])
    >>> batch.mask[0]
    tensor([0., 0., 0., 0., 0., 0., 0., 0., 0., 1.])
    """

    objective = "bits_without_end"
    has_input_length = True
    axes = (Axis("items", "items", named=True),)

    def __init__(
        self,
        min_items: int = 2,
        max_items: int = 6,
        item_length: int = 3,
        width: int = 6,
        batch_size: int = 16,
        test_cells: list[Any] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        checks.integer("min_items", min_items, least=2)
        self.items = checks.span("items", min_items, max_items)
        self.item_length = checks.integer("item_length", item_length)
        self.width = checks.integer("width", width)
        self.input_size, self.output_size = width + 2, width

    def draw(self, source: torch.Generator, size: int, items: int) -> SequenceBatch:
        words, flag = self.item_length, self.width
        stride = words + 1
        heard = random_words(source, size, items, words, self.width)
        queried = torch.randint(0, items - 1, (size,), generator=source)
        sequences = torch.arange(size)
        query, start = items * stride, self.steps_of(items) - words

        x = torch.zeros(size, start + words, self.input_size)
        blocks = x[:, : query + stride].view(size, items + 1, stride, self.input_size)
        blocks[:, :items, 1:, : self.width] = heard
        blocks[:, items, 1:, : self.width] = heard[sequences, queried]
        blocks[:, :items, 0, flag] = 1.0
        x[:, [query, start - 1], flag + 1] = 1.0
        return answered(x, heard[sequences, queried + 1])

    def steps_of(self, items: int) -> int:
        """(items + 2) (item_length + 1)."""
        return (items + 2) * (self.item_length + 1)

    def channels(self) -> tuple[list[str], list[str]]:
        payload = bit_names(self.width)
        return [*payload, "item", "query"], payload

    @classmethod
    def check_cell(cls, key: str, cell: tuple[int, ...]) -> None:
        checks.integer(f"{key}[0]", cell[0], least=2)
