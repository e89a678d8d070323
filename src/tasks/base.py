"""What every task is: a LightningDataModule whose training batch n is a function of (seed, n)."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler


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

    def __init__(self, make: Any, size: int) -> None:
        self.make = make
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, n: int) -> Any:
        return self.make(n)


class Periods(Sampler[int]):
    """The batch numbers of one epoch; an epoch is the time between two validations.

    Epoch e holds the numbers e P .. (e + 1) P - 1, and the last stops at `total`, so that training goes on
    after an epoch as if it had never paused.
    """

    def __init__(self, period: int, total: int) -> None:
        self.period = period
        self.total = total
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(0, min(self.period, self.total - self.epoch * self.period))

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.period
        return iter(range(first, first + len(self)))


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
        self.period = self.total = 1
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

    def plan(self, period: int, total: int, overfit: int | None = None) -> None:
        """Train for `total` updates with a validation every `period`; `overfit` batches over and over."""
        self.period, self.total, self.overfit = period, total, overfit

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
        """Batches 0, 1, 2, ... in periods; the first few again and again if the plan says so."""
        batches = Numbered(lambda n: self.training_batch(n % (self.overfit or self.total)), self.total)
        return DataLoader(batches, batch_size=None, sampler=Periods(self.period, self.total))

    def val_dataloader(self) -> DataLoader:
        """The validation batches."""
        return _fixed(self.validation)

    def test_dataloader(self) -> list[DataLoader]:
        """One loader a test set, in the order of `tests`."""
        return [_fixed(batches) for batches in self.tests.values()]


def _fixed(batches: Sequence[Any]) -> DataLoader:
    return DataLoader(Numbered(batches.__getitem__, len(batches)), batch_size=None)
