"""Base class of tasks whose sequences are drawn at random: streams, fixed sets, test cells and examples."""

import zlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from ..common import checks
from .axes import cell_title
from .base import Example, Task
from .streams import generator

#: Names of the random streams; that of training is combined with the seed of the run.
TRAINING, VALIDATION, TEST, FIGURE, PROBE = range(5)
#: Largest batch of the fixed sets.
EVALUATION_BATCH = 64
#: Sequences of an in-distribution set that share a cell.
GROUP = 8
#: Sequences per test cell that monitor generalisation during training.
PROBE_SIZE = 16


class Generated(Task):
    """A task whose sequences are drawn at random. The sequences of a batch share a cell, so there is no padding.

    A cell has one size for each axis. A subclass calls this constructor and sets `input_size`, `output_size` and
    a range for each axis: `self.lengths = checks.span("length", min_length, max_length)`. The test sets are
    `in_distribution`, those of `further_tests`, and one per test cell.

    Required methods:
        draw(source, size, values) -> batch: `size` sequences of a cell, one argument for each axis; a
            `SequenceBatch`, or a NamedTuple of tensors with `x`, `y`, `mask` and further fields.
        steps_of(values) -> int: T of the sequences of a cell; must be cheap for sizes that are too large to draw.

    Optional methods:
        sizes(source) -> tuple of int: a cell of training; uniform in the range of each axis by default.
        check_cell(key, cell) -> None: class method; refuses sizes that do not go together.
        further_tests() -> dict of sequences of batches by name: test sets besides those of cells.
        needed_slots(batch) -> int: one slot for each step before the first answer by default.
        baselines(batches) -> dict: see `Task`; by default what guessing reaches, by the objective.

    Args:
        batch_size: sequences in a training batch.
        test_cells: sizes to test on beyond training, a list for each cell; with one axis also plain integers.
        validation_size, test_size: sequences of the in-distribution sets.
        cell_size: sequences of a test cell.
        seed: of the training stream.
    """

    steps = None
    like_training = ("in_distribution",)

    def __init__(
        self,
        batch_size: int,
        test_cells: list[Any] | None,
        validation_size: int,
        test_size: int,
        cell_size: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.batch_size = checks.integer("batch_size", batch_size)
        self.validation_size = checks.integer("validation_size", validation_size)
        self.test_size = checks.integer("test_size", test_size)
        self.cell_size = checks.integer("cell_size", cell_size)
        self.seed = checks.integer("seed", seed, least=0)
        self.test_cells = self.check_cells("test_cells", [] if test_cells is None else test_cells)

    @abstractmethod
    def draw(self, source: torch.Generator, size: int, *values: Any, **named: Any) -> Any:
        """Random sequences of a cell."""

    @abstractmethod
    def steps_of(self, *values: Any, **named: Any) -> int:
        """T of the sequences of a cell."""

    def sizes(self, source: torch.Generator) -> tuple[int, ...]:
        """A cell of training: uniform in the range of each axis, both ends included."""
        return tuple(int(torch.randint(least, most + 1, (), generator=source)) for least, most in self.trained)

    def further_tests(self) -> dict[str, Sequence[Any]]:
        """Test sets besides `in_distribution` and those of the test cells, by name."""
        return {}

    def source(self, *stream: int) -> torch.Generator:
        """The generator of a random stream of this task; other tasks have other streams."""
        return generator(zlib.crc32(type(self).__name__.encode()), *stream)

    def training_batch(self, n: int) -> Any:
        source = self.source(TRAINING, self.seed, n)
        return self.draw(source, self.batch_size, *self.sizes(source))

    def prepare(self) -> None:
        self.validation = self.mixed(self.validation_size, VALIDATION)
        self.tests = {"in_distribution": self.mixed(self.test_size, TEST), **self.further_tests()}
        self.tests |= {self.name_of(cell): self.cell(*cell) for cell in self.test_cells}

    def mixed(self, size: int, *stream: int) -> list[Any]:
        """A fixed set like training: each group of sequences draws its cell; groups of one cell are batched."""
        source = self.source(*stream)
        counts: Counter[tuple[int, ...]] = Counter()
        for start in range(0, size, GROUP):
            counts[self.sizes(source)] += min(GROUP, size - start)
        return [batch for cell, count in sorted(counts.items()) for batch in self.batches(source, count, cell)]

    def batches(self, source: torch.Generator, size: int, cell: tuple[int, ...], **options: Any) -> list[Any]:
        """Sequences of one cell, in batches of at most `EVALUATION_BATCH`; `options` are those of `draw`."""
        starts = range(0, size, EVALUATION_BATCH)
        return [self.draw(source, min(EVALUATION_BATCH, size - start), *cell, **options) for start in starts]

    def cell(self, *values: Any, **named: Any) -> list[Any]:
        return self.batches(self.source(TEST, *values), self.cell_size, values)

    def probes(self) -> dict[str, Sequence[Any]]:
        """A few sequences of each test cell, from a separate random stream."""
        return {
            self.name_of(cell): self.batches(self.source(PROBE, *cell), PROBE_SIZE, cell)
            for cell in self.test_cells
        }

    def examples(self) -> list[Example]:
        """One of the largest sizes of training, then one of each test cell."""
        cells = [tuple(most for _, most in self.trained), *self.test_cells]
        return [self.example(*cell) for cell in dict.fromkeys(cells)]

    def example(self, *values: Any, **named: Any) -> Example:
        batch = self.draw(self.source(FIGURE, *values), 1, *values)
        return Example(
            name=self.name_of(values),
            title=cell_title(self.axes, values).capitalize(),
            x=batch.x,
            y=batch.y,
            mask=batch.mask,
            marks={"answer": int(self.input_length(batch).max())},
        )

    def needed_slots(self, batch: Any) -> int:
        return max(int(self.input_length(batch).max()), 1)

    @classmethod
    def check_cell(cls, key: str, cell: tuple[int, ...]) -> None:
        """Refuse sizes that do not go together."""

    @classmethod
    def check_cells(cls, key: str, cells: Any) -> list[tuple[int, ...]]:
        """Cells that a user gives; raises a Refusal that names the invalid one.

        With one axis a cell may also be a plain integer: [20, 50] are the cells (20,) and (50,).
        """
        names = [axis.name for axis in cls.axes]
        form = f"[{', '.join(names)}]"
        if not isinstance(cells, list | tuple):
            raise checks.refuse(key, cells, f"a list of {names[0] if len(names) == 1 else form} values")
        checked = []
        for i, cell in enumerate(cells):
            place = f"{key}[{i}]"
            if len(names) == 1 and not isinstance(cell, list | tuple):
                cell = [checks.integer(place, cell)]
            sizes = tuple(checks.integers(place, cell))
            if len(sizes) != len(names):
                raise checks.refuse(place, cell, f"one value for each of {form}")
            cls.check_cell(place, sizes)
            checked.append(sizes)
        return checked
