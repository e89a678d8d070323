"""What all LightningModules share: optimiser, schedule, clipping, the watch for divergence, logging."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from src.tasks.base import Task, share

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
ScheduleFactory = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


class Diverged(Exception):
    """The loss or the gradient is not finite."""

    def __init__(self, what: str, value: float, step: int) -> None:
        super().__init__(f"the {what} became {value} at update {step}")


class Learner(lightning.LightningModule):
    """A network that learns a task.

    A subclass gives the loss and the metrics. Everything is logged under `train/`, `validation/`,
    `optimizer/` and, from test sets, `test/<name>/`.

    Args:
        network: x[B, T, F] -> (y[B, T, O], state); `src.networks` has them.
        task: what is learned and tested.
        optimizer: parameters -> optimiser.
        schedule: optimiser -> learning-rate schedule, stepped at every update.
        memory_slots: size of the memory in validation and tests; None for the network's own, or more
            where a sequence needs more.
    """

    #: The metric that validation is judged by, and whether less ("min") or more ("max") of it is better.
    monitor: str
    monitor_mode: str
    #: The metric shown beside the loss while training.
    headline: str
    #: The metrics that tell how far what was learned reaches; the first is also known of training batches.
    reach: tuple[str, ...]

    def __init__(
        self,
        network: Any,
        task: Task,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory,
        memory_slots: int | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.memory_slots = memory_slots
        self.gradient_norm = float("nan")
        self.last_loss = float("nan")
        self.build_metrics()

    @abstractmethod
    def build_metrics(self) -> None:
        """Make what counts in validation and tests."""

    @abstractmethod
    def loss_and_metrics(
        self, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of a training batch and, where they are wanted, metrics of it to show.

        Of a batch that is a share of `whole`, what it adds to those of the whole: over all shares they sum up.
        """

    @abstractmethod
    def reset_metrics(self) -> None:
        """Forget what was counted."""

    @abstractmethod
    def count(self, batch: Any, memory_slots: int | None) -> None:
        """Count a batch of validation or test."""

    @abstractmethod
    def counted(self) -> dict[str, float]:
        """The metrics of all that was counted since the last reset."""

    @classmethod
    def to_minimise(cls, validation: Mapping[str, float]) -> float:
        """What a search over settings should make small; a share to maximise becomes one of failures."""
        value = validation[cls.monitor]
        return value if cls.monitor_mode == "min" else 1.0 - value

    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """The metrics of a fixed set, and the memory slots it was measured with, if there is a memory."""
        self.reset_metrics()
        with torch.no_grad():
            for batch in batches:
                self.count(batch, self.slots_for(batch))
        return self._with_slots(self.counted(), batches)

    def _with_slots(self, metrics: dict[str, float], batches: Iterable[Any]) -> dict[str, float]:
        slots = [size for size in map(self.slots_for, batches) if size is not None]
        return {**metrics, "memory_slots": max(slots)} if slots else metrics

    @property
    def parameter_count(self) -> int:
        """Numbers that are learned."""
        return sum(p.numel() for p in self.network.parameters())

    def slots_for(self, batch: Any) -> int | None:
        """Memory slots to evaluate a batch with; None where there is no memory."""
        own = self.network.memory_slots
        if own is None:
            return None
        return max(self.memory_slots or own, self.task.needed_slots(batch))

    def at_work(self) -> AbstractContextManager[None]:
        """A context for many batches: what the network can prepare for them is, before any clock runs."""
        at_work = getattr(self.network, "at_work", nullcontext)
        context: AbstractContextManager[None] = at_work()
        return context

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.network.parameters())
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.make_schedule(optimizer), "interval": "step"},
        }

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        if self.trainer.world_size > 1:
            loss, value, metrics = self._shared(batch)
        else:
            loss, metrics = self.loss_and_metrics(batch, wanted=self.due)
            value = loss.detach()
        self.last_loss = float(value)
        if not torch.isfinite(value):
            raise Diverged("loss", self.last_loss, self.global_step + 1)
        if self.due:
            self.log("loss", value, prog_bar=True, logger=False)
            self.log(self.headline, metrics[self.headline], prog_bar=True, logger=False)
            scalars = {f"train/{name}": value for name, value in metrics.items()}
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            self.write({**scalars, "train/loss": value, "optimizer/lr": rate}, self.global_step + 1)
        return loss

    def _shared(self, batch: Any) -> tuple[Tensor, Tensor, Mapping[str, Tensor]]:
        """What to go backward from in this one of several processes; the loss and the metrics of the whole batch.

        All processes know the whole batch, and so what their share counts for; and as the loss that they are told
        is the same, they diverge together.
        """
        of = self.trainer.world_size
        loss, metrics = self.loss_and_metrics(share(batch, self.trainer.global_rank, of), self.due, batch)
        parts = torch.stack([loss.detach(), *metrics.values()])
        value, *sums = self.trainer.strategy.reduce(parts, reduce_op="sum")
        # The gradient that the processes end up with is the mean of theirs, and should be the sum.
        return loss * of, value, dict(zip(metrics, sums, strict=True))

    @property
    def due(self) -> bool:
        """Whether this update is one to log, every n-th and the first: logging can cost as much as an update."""
        update = self.global_step + 1
        return update == 1 or update % self.trainer.log_every_n_steps == 0  # type: ignore[attr-defined]

    def write(self, scalars: Mapping[str, float | Tensor], update: int) -> None:
        """Hand scalars to the logger, if there is one, as of an update.

        Lightning would put them at one update less than what callbacks log, beside a curve of its epochs.
        """
        if self.logger is not None:
            self.logger.log_metrics({name: float(value) for name, value in scalars.items()}, step=update)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm of the whole gradient, and stop where it is not finite."""
        bound = float("inf") if gradient_clip_val is None else gradient_clip_val
        self.gradient_norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), bound))
        if not self.gradient_norm < float("inf"):
            raise Diverged("norm of the gradient", self.gradient_norm, self.global_step + 1)
        if self.due:
            self.write({"optimizer/gradient_norm": self.gradient_norm}, self.global_step + 1)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A validation follows the very last update, even one within a period: Lightning makes it on a stop."""
        if self.global_step >= self.trainer.max_steps:
            self.trainer.should_stop = True

    def on_validation_epoch_start(self) -> None:
        self.reset_metrics()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.count(batch, self.slots_for(batch))

    def on_validation_epoch_end(self) -> None:
        # Several processes measure the whole set each; what is decided by it, they decide alike.
        counted = self.trainer.strategy.broadcast(self.counted())
        metrics = {f"validation/{name}": value for name, value in counted.items()}
        self.log_dict(metrics, logger=False)  # for the checkpoint and other callbacks
        self.write(metrics, self.global_step)

    def on_test_epoch_start(self) -> None:
        self.reset_metrics()
        self.tested: dict[str, dict[str, float]] = {}

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        name, batches = list(self.task.tests.items())[dataloader_idx]
        self.count(batch, self.slots_for(batch))
        if batch_idx == len(batches) - 1:
            self.tested[name] = self._with_slots(self.counted(), batches)
            self.reset_metrics()

    def on_test_epoch_end(self) -> None:
        scalars = {
            f"test/{name}/{metric}": float(value)
            for name, metrics in self.tested.items()
            for metric, value in metrics.items()
        }
        self.write(scalars, self.global_step)
