"""What every task is: a LightningDataModule whose training batch n is a function of (seed, n)."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


class Example(NamedTuple):
    """One sequence to show, with B = 1."""

    name: str  # for file names
    title: str  # for people
    x: Tensor  # [1, T, F]
    y: Tensor  # [1, T, O] or [1]
    mask: Tensor  # [1, T], 1 where an answer is due
    marks: dict[str, int]  # named steps
    needed_slots: int


class Numbered(Dataset):
    """Item n is `make(n)`: a batch, so that loaders neither collate nor shuffle."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, n: int) -> Any:
        return self.make(n)


class Task(lightning.LightningDataModule):
    """A task: fresh training batches, a fixed validation set, and named test sets.

    A subclass sets the attributes below, makes training batches, and fills `validation` and `tests` in
    `prepare`.

    Attributes:
        objective: what is learned, and so which LightningModule: "bits" or "classes".
        input_size: features of a step, F.
        output_size: outputs of a step, O.
        steps: T where every sequence has the same, else None.
        batch_size: sequences in a training batch.
        seed: of the training stream; validation and tests are the same for all seeds.
        validation: batches to choose by.
        tests: batches of each test set, by name; never used for any choice.
    """

    objective: str
    input_size: int
    output_size: int
    steps: int | None
    batch_size: int
    seed: int
    validation: Sequence[Any]
    tests: dict[str, Sequence[Any]]

    def __init__(self) -> None:
        super().__init__()
        self.period = 1
        self.overfit: int | None = None
        self.prepared = False

    @abstractmethod
    def training_batch(self, n: int) -> Any:
        """Batch n of training, a function of (seed, n) alone."""

    @abstractmethod
    def prepare(self) -> None:
        """Make or load what is fixed: `validation` and `tests`."""

    @abstractmethod
    def needed_slots(self, batch: Any) -> int:
        """The least number of memory slots that can hold what a batch asks to be remembered."""

    @abstractmethod
    def examples(self) -> list[Example]:
        """Sequences to show: the first like those of training, the others from the tests."""

    def probes(self) -> dict[str, Sequence[Any]]:
        """Batches, by name, to watch generalisation by while training: of no test, and never chosen by."""
        return {}

    def plan(self, period: int, overfit: int | None = None) -> None:
        """Train with a validation after every `period` batches; the first `overfit` over and over if given."""
        self.period, self.overfit = period, overfit

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook: make or load the fixed sets once."""
        if not self.prepared:
            self.prepare()
            self.prepared = True

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Batches are made on the CPU: there is nothing to move, or to look for, when that is where they go."""
        if device.type == "cpu":
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def train_dataloader(self) -> DataLoader:
        """The batches from the next one up to the next validation; the trainer asks anew after each.

        Where it goes on depends on nothing but how many batches the trainer has had, so a run that was
        stopped anywhere goes on as if it had not been.
        """
        done = 0 if self.trainer is None else self.trainer.fit_loop.epoch_loop.batch_progress.total.ready
        until = (done // self.period + 1) * self.period
        overfit = self.overfit
        make = self.training_batch if overfit is None else lambda n: self.training_batch(n % overfit)
        return _loader(make, range(done, until))

    def val_dataloader(self) -> DataLoader:
        """The validation batches."""
        return _loader(self.validation.__getitem__, range(len(self.validation)))

    def test_dataloader(self) -> list[DataLoader]:
        """One loader a test set, in the order of `tests`."""
        return [_loader(batches.__getitem__, range(len(batches))) for batches in self.tests.values()]


def shard(batch: Any, part: int, parts: int) -> Any:
    """The sequences of a batch that one of several processes takes; where they do not divide, the first take more.

    >>> class Batch(NamedTuple):
    ...     y: Tensor
    >>> [shard(Batch(torch.arange(5)), part, 2).y.tolist() for part in range(2)]
    [[0, 1, 2], [3, 4]]
    """
    return type(batch)(*(tensor.tensor_split(parts)[part] for tensor in batch))


def _loader(make: Callable[[int], Any], numbers: range) -> DataLoader:
    # A loader without a generator of its own draws from the global one, which is the model's alone.
    return DataLoader(Numbered(make), batch_size=None, sampler=numbers, generator=torch.Generator())
