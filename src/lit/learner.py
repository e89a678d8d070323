"""Learner: the LightningModule around a network, with loss, optimiser, schedule, validation, tests and logging."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..cells.base import Cell
from ..tasks.base import Task
from ..tasks.batches import shard
from ..tasks.lengths import longest_of_training
from .guarded import GuardedModule
from .objective import Objective

log = logging.getLogger(__name__)
OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
ScheduleFactory = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


def like(weight: Tensor, batch: Any) -> Any:
    """A batch on the device of a weight, its real numbers of the weight's dtype."""
    return type(batch)(*(x.to(weight) if x.is_floating_point() else x.to(weight.device) for x in batch))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """A context in which a network is in evaluation mode, and no gradients are kept."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)


class Learner(GuardedModule):
    """Trains, validates and tests a network on a task.

    Metrics are logged under `train/`, `validation/`, `optimizer/` and `test/<test set>/`.

    Args:
        network: x[B, T, F] -> (y[B, T, O], state), from `src.networks`.
        task: training, validation and test data.
        objective: loss and metrics.
        optimizer: parameters -> optimiser.
        schedule: optimiser -> learning-rate schedule, stepped at every update.
        memory_slots: memory slots in validation and tests; None for the network's own number. Sequences that
            need more get more.
    """

    def __init__(
        self,
        network: Any,
        task: Task,
        objective: Objective,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory,
        memory_slots: int | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.objective = objective
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.memory_slots = memory_slots
        self.counts = objective.counts(task)
        self.slots_of_set: int | None = None

    def loss_and_metrics(
        self, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of a training batch and, if `wanted`, metrics; see `Objective.loss`."""
        output, _ = self.network(batch.x, self.initial_state(batch))
        return self.objective.loss(output, batch, wanted, whole)

    def initial_state(self, batch: Any, memory_slots: int | None = None) -> Any:
        """The network's state before a batch or an example; None for the state that it has by itself."""
        told = {}
        if getattr(self.network, "needs_input_length", False):
            told = {"input_length": self.task.input_length(batch)}
        if memory_slots is None and not told:
            return None
        return self.network.initial_state(len(batch.x), memory_slots, **told)

    def begin_set(self) -> None:
        """Forget the batches that were counted."""
        self.counts.reset()
        self.slots_of_set = None

    def count(self, batch: Any) -> None:
        """Add a batch of validation or test to the metrics."""
        slots = self.slots_for(batch)
        output, _ = self.network(batch.x, self.initial_state(batch, slots))
        self.counts.update(output, batch)
        if slots is not None:
            self.slots_of_set = max(slots, self.slots_of_set or 0)

    def counted(self) -> dict[str, float]:
        """The metrics of the batches counted, and the most memory slots of any, if there is a memory."""
        slots = {} if self.slots_of_set is None else {"memory_slots": self.slots_of_set}
        return self.counts.compute() | slots

    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """The metrics of a fixed set, and the memory slots it was measured with, if there is a memory."""
        self.begin_set()
        weight = next(self.network.parameters())
        with evaluating(self.network):
            for batch in batches:
                self.count(like(weight, batch))
        return self.counted()

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.network.parameters())

    @property
    def state_size(self) -> int:
        """Numbers in the network's state of one sequence; after the longest of training, if the state may grow."""
        grows = getattr(self.network, "state_size_after", None)
        size: int = self.network.state_size if grows is None else grows(longest_of_training(self.task))
        return size

    def slots_for(self, batch: Any) -> int | None:
        """Memory slots for the evaluation of a batch; None without a memory."""
        own = self.network.memory_slots
        if own is None:
            return None
        return max(self.memory_slots or own, self.task.needed_slots(batch))

    def prepared(self) -> AbstractContextManager[None]:
        """A context for many batches; entering it prepares the engine, before any clock runs."""
        context: AbstractContextManager[None] = getattr(self.network, "prepared", nullcontext)()
        return context

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.network.parameters())
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.make_schedule(optimizer), "interval": "step"},
        }

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        if self.trainer.world_size > 1:
            loss, value, metrics = self._sharded_loss(batch)
        else:
            loss, metrics = self.loss_and_metrics(batch, wanted=self.due)
            value = loss.detach()
        self.see_loss(value, batch_idx)
        if self.due:
            headline = self.objective.headline
            self.log("loss", value, prog_bar=True, logger=False)
            self.log(headline, metrics[headline], prog_bar=True, logger=False)
            scalars = {f"train/{name}": value for name, value in metrics.items()}
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            self.write({**scalars, "train/loss": value, "optimizer/lr": rate}, self.global_step + 1)
        return loss

    def _sharded_loss(self, batch: Any) -> tuple[Tensor, Tensor, Mapping[str, Tensor]]:
        """Data-parallel step: the loss to differentiate in this process; loss and metrics of the whole batch.

        Each process computes its shard of the batch. The reduced loss is the same in all processes, so all of
        them detect divergence at the same update.
        """
        size = self.trainer.world_size
        loss, metrics = self.loss_and_metrics(shard(batch, self.trainer.global_rank, size), self.due, batch)
        parts = torch.stack([loss.detach(), *metrics.values()])
        value, *sums = self.trainer.strategy.reduce(parts, reduce_op="sum")
        # DDP averages gradients over the processes, but the shards' gradients must be summed.
        return loss * size, value, dict(zip(metrics, sums, strict=True))

    def on_fit_start(self) -> None:
        own = self.network.memory_slots
        slots = max(self.slots_for(batch) or 0 for batch in self.task.validation)
        if own not in (None, slots):
            log.info("Validation is measured with %d memory slots instead of %d.", slots, own)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set schedules within the cell by the number of updates, which a resumed run goes on with."""
        cell = getattr(self.network, "cell", None)
        if isinstance(cell, Cell):
            cell.at_progress(self.global_step / self.trainer.max_steps)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop at the last update, so that Lightning validates after it even between two validations."""
        if self.global_step >= self.trainer.max_steps:
            self.trainer.should_stop = True
        if self.trainer.is_last_batch or self.trainer.should_stop:
            self.check_finite()

    def on_validation_epoch_start(self) -> None:
        self.begin_set()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.count(batch)

    def on_validation_epoch_end(self) -> None:
        # Each process measures the whole set; the broadcast makes decisions based on it identical.
        counted = self.trainer.strategy.broadcast(self.counts.compute())
        metrics = {f"validation/{name}": value for name, value in counted.items()}
        self.log_dict(metrics, logger=False)  # for the checkpoint and other callbacks
        self.write(metrics, self.global_step)

    def on_test_epoch_start(self) -> None:
        self.tested: dict[str, dict[str, float]] = {}
        self._test_set: str | None = None

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        if batch_idx == 0:  # of the next set; the trainer may have limited the batches of the previous one
            self._end_test_set()
            self.begin_set()
            self._test_set = list(self.task.tests)[dataloader_idx]
        self.count(batch)

    def _end_test_set(self) -> None:
        """Store the metrics of the current test set under its name."""
        if self._test_set is not None:
            self.tested[self._test_set] = self.counted()
            self._test_set = None

    def on_test_epoch_end(self) -> None:
        self._end_test_set()
        scalars = {
            f"test/{name}/{metric}": float(value)
            for name, metrics in self.tested.items()
            for metric, value in metrics.items()
        }
        self.write(scalars, self.global_step)
