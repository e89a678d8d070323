"""Toy tasks with one, two and three axes of test cells: whether the mean of some numbers is positive.

They stand for tasks to come: nothing outside this file knows their axes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from src.common import checks
from src.tasks.axes import Axis, cell_title
from src.tasks.base import Example, Task
from src.tasks.streams import generator


class Batch(NamedTuple):
    """Sequences of numbers, and their classes."""

    x: Tensor  # [B, T, 1]
    y: Tensor  # [B]


class Items(Task):
    """One axis, the number of items."""

    objective = "classes"
    input_size, output_size, steps = 1, 2, None
    axes = (Axis("items", "items"),)
    like_training = ("in_distribution",)

    def __init__(self, max_items: int = 4, batch_size: int = 3, test_cells: list | None = None, seed: int = 0):
        super().__init__()
        for axis in self.axes:
            setattr(self, axis.many, (1, max_items))
        self.batch_size, self.seed = batch_size, seed
        self.test_cells = self.check_cells("test_cells", test_cells or [])

    @classmethod
    def check_cells(cls, key, cells):
        found = [tuple(checks.integers(f"{key}[{i}]", cell)) for i, cell in enumerate(cells)]
        for i, cell in enumerate(found):
            if sum(cell) > 99:
                raise checks.refuse(f"{key}[{i}]", list(cell), "of at most 99 in all")
        return found

    def batch(self, size: int, cell: tuple[int, ...], stream: int) -> Batch:
        x = torch.randn(size, self.steps_of(*cell), 1, generator=generator(stream, *cell))
        return Batch(x, (x.mean(1)[:, 0] > 0).long())

    def training_batch(self, n: int) -> Batch:
        return self.batch(self.batch_size, tuple(most for _, most in self.trained), 10 + n)

    def prepare(self) -> None:
        most = tuple(most for _, most in self.trained)
        self.validation = [self.batch(4, most, 0)]
        self.tests = {"in_distribution": [self.batch(4, most, 1)], "held_out": [self.batch(4, most, 2)]}
        self.tests |= {self.name_of(cell): self.cell(*cell) for cell in self.test_cells}

    def cell(self, *values: int) -> list[Batch]:
        return [self.batch(4, values, 3)]

    def steps_of(self, *values: int) -> int:
        return sum(values)

    def example(self, *values: int) -> Example:
        batch = self.batch(1, values, 4)
        title = cell_title(self.axes, values)
        return Example(self.name_of(values), title, batch.x, batch.y, torch.zeros(batch.x.shape[:2]), {})

    def examples(self) -> list[Example]:
        return [self.example(*cell) for cell in (tuple(most for _, most in self.trained), *self.test_cells)]

    def probes(self):
        return {self.name_of(cell): self.cell(*cell) for cell in self.test_cells}

    def needed_slots(self, batch) -> int:
        return 1

    def baselines(self, batches):
        """Made up: the best predictor is the worse, the longer the sequences are."""
        steps = batches[0].x.shape[1]
        return {"chance": {"accuracy": 0.5}, "optimum": {"accuracy": 1.0 - steps / 100}}


class LengthHops(Items):
    """Two axes, whose names are in those of the test sets."""

    axes = (Axis("length", "lengths", named=True), Axis("hops", "hops", named=True))


class ThreeAxes(Items):
    """Three axes."""

    axes = (*LengthHops.axes, Axis("pairs", "pairs", named=True))
