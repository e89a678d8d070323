"""Base class of the string tasks of the Chomsky benchmark: a string of symbols is read, a string is the answer.

Delétang et al., arXiv:2207.02098. For a string of n symbols and an answer of m symbols, T = n + m:

    step         0    ...  n-1  n    ...  n+m-1
    symbols      s1   ...  sn   .    ...  .
    answer flag  .    ...  .    1    ...  1
    answer       .    ...  .    a1   ...  am
    mask         0    ...  0    1    ...  1

The flag is the empty token of the benchmark's code. The protocol is that of the benchmark: training on lengths up
to 40, all equally probable; the score is the accuracy on lengths 41 to 500, each of which counts the same.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Integer
from torch import Tensor
from torch.nn.functional import one_hot

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch, answered
from .generated import Generated

#: Name of the random streams of unseen lengths, beside those of `src.tasks.generated`.
UNSEEN = 5


class StringTask(Generated):
    """A string task as a LightningDataModule.

    Required methods:
        strings(source, size, length) -> two tensors of symbols, [size, n] to read and [size, m] to answer.
        steps_of(length) -> int: n + m.

    Optional attributes:
        further (tuple of str): names of the input symbols that follow the vocabulary; none by default.
        shortest (int): least length, 1 by default.

    Args:
        min_length, max_length: symbols of a string in training; 1 to 40 in the benchmark.
        vocabulary: symbols of the strings; 2 in the benchmark.
        test_min, test_max: lengths of the test set of unseen lengths, all of them; 41 to 500 in the benchmark.
        test_per_length: its sequences of each length; 0 for no such set.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.
    """

    objective = "symbols"
    has_input_length = True
    axes = (Axis("length", "lengths", named=True),)
    further: ClassVar[tuple[str, ...]] = ()
    shortest: ClassVar[int] = 1

    def __init__(
        self,
        min_length: int | None = None,
        max_length: int = 40,
        vocabulary: int = 2,
        test_min: int = 41,
        test_max: int = 500,
        test_per_length: int = 2,
        batch_size: int = 16,
        test_cells: list[Any] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        self.lengths = checks.span("length", self.shortest if min_length is None else min_length, max_length)
        checks.integer("min_length", self.lengths[0], least=self.shortest)
        self.vocabulary = checks.integer("vocabulary", vocabulary, least=2)
        self.test_per_length = checks.integer("test_per_length", test_per_length, least=0)
        least, most = checks.integer("test_min", test_min), checks.integer("test_max", test_max)
        if test_per_length and least <= max_length:
            raise checks.refuse("test_min", test_min, f"above max_length={max_length}, unseen in training")
        if test_per_length and most < least:
            raise checks.refuse("test_max", test_max, f"at least test_min={test_min}")
        self.unseen = range(test_min, test_max + 1)
        self.input_size, self.output_size = vocabulary + len(self.further) + 1, vocabulary

    @abstractmethod
    def strings(
        self, source: torch.Generator, size: int, length: int
    ) -> tuple[Integer[Tensor, "size n"], Integer[Tensor, "size m"]]:
        """Random strings to read, and their answers."""

    @classmethod
    def check_cell(cls, key: str, cell: tuple[int, ...]) -> None:
        checks.integer(key, cell[0], least=cls.shortest)

    def random(self, source: torch.Generator, size: int, length: int) -> Integer[Tensor, "size length"]:
        """Strings of independent symbols, all equally probable."""
        return torch.randint(0, self.vocabulary, (size, length), generator=source)

    def draw(self, source: torch.Generator, size: int, length: int) -> SequenceBatch:
        read, answer = self.strings(source, size, length)
        heard = read.shape[1]
        x = torch.zeros(size, heard + answer.shape[1], self.input_size)
        x[:, :heard] = one_hot(read, self.input_size)
        x[:, heard:, -1] = 1.0
        return answered(x, answer)

    def further_tests(self) -> dict[str, Sequence[SequenceBatch]]:
        """The set of unseen lengths, such as `lengths_41_to_500`; its `accuracy` is the score of the benchmark."""
        if not self.test_per_length:
            return {}
        return {f"lengths_{self.unseen[0]}_to_{self.unseen[-1]}": UnseenLengths(self)}

    def channels(self) -> tuple[list[str], list[str]]:
        symbols = [str(i) for i in range(self.vocabulary)]
        return [*symbols, *self.further, "answer"], symbols


class UnseenLengths(Sequence[SequenceBatch]):
    """A batch of each unseen length of a task, drawn when it is asked for; always the same sequences."""

    def __init__(self, task: StringTask) -> None:
        self.task = task

    def __len__(self) -> int:
        return len(self.task.unseen)

    def __getitem__(self, index: Any) -> Any:
        length = self.task.unseen[index]
        return self.task.draw(self.task.source(UNSEEN, length), self.task.test_per_length, length)
