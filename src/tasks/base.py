"""Base class of tasks: a LightningDataModule whose training batch n is a function of (seed, n)."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from .axes import Axis, cell_name
from .batches import loader
from .guessing import guessed


class Example(NamedTuple):
    """One sequence to show in figures, with B = 1."""

    name: str  # used in file names
    title: str  # shown in figures
    x: Tensor  # [1, T, F]
    y: Tensor  # [1, T, O], [1, T] or [1]
    mask: Tensor  # [1, T], 1 where an answer is due
    marks: dict[str, int]  # steps by name, drawn as vertical lines


#: Attributes of a task once it is made, and after `prepare`.
MADE = ("objective", "input_size", "output_size", "steps", "batch_size", "seed")
PREPARED = ("validation", "tests")
#: Methods of test cells, which a task with axes has.
CELL_METHODS = ("check_cells", "cell", "example", "steps_of")


class Task(lightning.LightningDataModule, ABC):
    """A task: generated training batches, a fixed validation set, and named test sets.

    A batch is a NamedTuple of tensors whose first dimension is the sequence. It has x[B, T, F], and what the
    objective reads: for bits y[B, T, O] and mask[B, T], for `symbols` y[B, T] and mask[B, T], for `classes` y[B].

    Attributes are set as class attributes or in the constructor.

    Required attributes:
        objective (str): name of the loss and metrics, one of `src.lit.objectives`; read by the learner.
        input_size (int): features of a step, F; of the network.
        output_size (int): outputs of a step, O; of the network.
        steps (int or None): T where every sequence has the same, else None; for networks of a fixed length.
        batch_size (int): sequences in a training batch; divided among the processes of a run.
        seed (int): of the training stream; validation and tests are the same for all seeds. The code gives it to
            the constructor.

    Required methods:
        training_batch(n) -> batch: batch n of training, a function of (seed, n) alone; drawn a few at a time.
        prepare() -> None: sets `validation`, a sequence of batches by which all choices are made, and `tests`, a
            dict of sequences of batches by name, which no choice uses; called once, before training.
        needed_slots(batch) -> int: the least number of memory slots that can hold what has to be remembered in a
            batch or an `Example`; the learner enlarges the memory to it, but for training.
        examples() -> list of `Example`: sequences for figures, the first like those of training; for pictures,
            replay and reports.

    Optional members:
        like_training (tuple of str): names of the test sets that are drawn as training is, ("test",) by default;
            every run has the first one. For tables and HPARAMS.
        probes() -> dict of sequences of batches by name: they monitor generalisation during training, are in no
            test set, and used for no choice; none by default. For TensorBoard.
        channels() -> two lists of str: names of the features of an input and of an output; for replay.
        has_input_length (bool): whether all that has to be remembered comes before the first answer; False by
            default. `input_length` is then an oracle for cells that are told it, see `Cell.needs_input_length`.
        numbers (tuple of int): indices of the features of an input that are numbers, such as a count, a distance
            or a priority, and no bits or flags; none by default. For controllers that treat them separately.
        axes (tuple of `Axis`): what its test cells vary, such as length and repeats; none by default. For grids,
            evaluation, replay and reports.
        of_training (tuple of str): names of its options that change training alone, and not what is measured;
            ("batch_size",) by default. For searches and reports, which compare runs that differ in them.
        further_axes (tuple of `Axis`): what other test sets vary alone; such a set is named as a cell of that one
            axis, and the attribute `<Axis.many>` has the values of training; none by default. For reports.
        baselines(batches) -> dict: what random guessing reaches on a test set, and what the best possible
            predictor, as {"chance": {metric: value}, "optimum": {metric: value}}; either may be left out, none by
            default. A metric without a chance here has that of `Metric.chance`. For tables and figures.

    Required members with axes:
        <Axis.many> (pair of int): for each axis an attribute of this name, the least and the most in training.
        test_cells (list of tuples of int): cells to test on, each one value for each axis. Each is a test set in
            `tests`, named by `name_of`; test sets of other names may stand beside them.
        check_cells(key, cells) -> list of tuples of int: class method; cells that a user gives, checked.
        cell(values) -> sequence of batches: test sequences of a cell, one argument for each axis.
        example(values) -> `Example`: a sequence of a cell for figures, which no test set holds.
        steps_of(values) -> int: T of the sequences of a cell.

    Raises:
        TypeError: from `check`, `setup`, or the definition of a class, which names all that is lacking.
    """

    objective: str
    input_size: int
    output_size: int
    steps: int | None
    batch_size: int
    seed: int
    validation: Sequence[Any]
    tests: dict[str, Sequence[Any]]
    has_input_length: bool = False
    numbers: tuple[int, ...] = ()
    axes: tuple[Axis, ...] = ()
    of_training: tuple[str, ...] = ("batch_size",)
    further_axes: tuple[Axis, ...] = ()
    test_cells: list[tuple[int, ...]]
    like_training: tuple[str, ...] = ("test",)

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a class with axes that lacks a method of test cells.

        Raises:
            TypeError: names the methods.
        """
        super().__init_subclass__(**options)
        lacking = [name for name in CELL_METHODS if _owner(cls, name) is Task]
        if cls.axes and lacking:
            raise TypeError(f"{cls.__name__} has axes and lacks {', '.join(lacking)}")

    def __init__(self) -> None:
        super().__init__()
        self.period = 1
        self.overfit: int | None = None
        self.prepared = False

    def check(self) -> None:
        """Refuse a task that lacks attributes.

        Raises:
            TypeError: names all of them.
        """
        of_cells = ("test_cells", *(axis.many for axis in self.axes)) if self.axes else ()
        self._refuse_without(*MADE, *of_cells)

    def _refuse_without(self, *names: str) -> None:
        lacking = [name for name in names if not hasattr(self, name)]
        if lacking:
            raise TypeError(f"{type(self).__name__} lacks {', '.join(lacking)}, see the docstring of Task")

    @abstractmethod
    def training_batch(self, n: int) -> Any:
        """Batch n of training, a function of (seed, n) alone."""

    @abstractmethod
    def prepare(self) -> None:
        """Make or load the fixed sets, `validation` and `tests`."""

    @abstractmethod
    def needed_slots(self, batch: Any) -> int:
        """The least number of memory slots that can hold what has to be remembered in a batch."""

    @abstractmethod
    def examples(self) -> list[Example]:
        """Sequences to show: the first like those of training, the others like those of the tests."""

    def probes(self) -> dict[str, Sequence[Any]]:
        """Batches by name that monitor generalisation during training; in no test set, and used for no choice."""
        return {}

    def input_length(self, batch: Any) -> Tensor:
        """Steps before the first answer of each sequence of a batch or example, [B], as integers."""
        first: Tensor = batch.mask.argmax(1)
        return first

    def baselines(self, batches: Sequence[Any]) -> Mapping[str, Mapping[str, float]]:
        """Metrics of random guessing, `chance`, and of the best possible predictor, `optimum`, on a test set.

        By default chance alone: every bit with probability 1/2, or all symbols with the same; none for another
        objective.
        """
        chance = guessed(self.objective, batches, self.output_size)
        return {"chance": chance} if chance else {}

    def name_of(self, cell: Iterable[int]) -> str:
        """The name of the test set of a cell."""
        return cell_name(self.axes, cell)

    @classmethod
    def check_cells(cls, key: str, cells: Any) -> list[tuple[int, ...]]:
        """Cells that a user gives, checked; a Refusal names the invalid one. For tasks with axes."""
        raise _without_cells(cls)

    def cell(self, *values: Any, **named: Any) -> Sequence[Any]:
        """Batches of the test sequences of a cell. For tasks with axes."""
        raise _without_cells(type(self))

    def example(self, *values: Any, **named: Any) -> Example:
        """A sequence of a cell to show, which no test set holds. For tasks with axes."""
        raise _without_cells(type(self))

    def steps_of(self, *values: Any, **named: Any) -> int:
        """T of the sequences of a cell. For tasks with axes."""
        raise _without_cells(type(self))

    @property
    def trained(self) -> tuple[tuple[int, int], ...]:
        """The least and the most of each axis in training."""
        return tuple(getattr(self, axis.many) for axis in self.axes)

    def channels(self) -> tuple[list[str], list[str]]:
        """Names of the features of an input and of an output."""
        inputs, outputs = range(self.input_size), range(self.output_size)
        return [str(i + 1) for i in inputs], [str(i + 1) for i in outputs]

    def plan(self, period: int, overfit: int | None = None) -> None:
        """Validate after every `period` batches; with `overfit`, repeat the first `overfit` batches."""
        self.period, self.overfit = period, overfit

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook: make or load the fixed sets once."""
        if not self.prepared:
            self.prepare()
            self._refuse_without(*PREPARED)
            self.prepared = True

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Lightning's hook; on the CPU, where batches are made, it skips the search for tensors to move."""
        if device.type == "cpu":
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def train_dataloader(self) -> DataLoader:
        """The batches up to the next validation; the trainer asks for a new loader after each validation.

        The first batch depends only on the number of batches that the trainer has fetched, so that a resumed run
        gets the batches of a run without a stop.
        """
        done = 0 if self.trainer is None else self.trainer.fit_loop.epoch_loop.batch_progress.total.ready
        until = (done // self.period + 1) * self.period
        overfit = self.overfit
        make = self.training_batch if overfit is None else lambda n: self.training_batch(n % overfit)
        return loader(make, range(done, until))

    def val_dataloader(self) -> DataLoader:
        """The validation batches."""
        return loader(self.validation.__getitem__, range(len(self.validation)))

    def test_dataloader(self) -> list[DataLoader]:
        """One loader per test set, in the order of `tests`."""
        return [loader(batches.__getitem__, range(len(batches))) for batches in self.tests.values()]


def _owner(cls: type, method: str) -> type:
    """The class that defines a method."""
    return next(base for base in cls.__mro__ if method in vars(base))


def _without_cells(cls: type) -> TypeError:
    return TypeError(f"{cls.__name__} has no axes, and so no test cells")
