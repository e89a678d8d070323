"""What all LightningModules share: optimiser, schedule, clipping, the watch for divergence, logging."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from src.tasks.base import Task, shard

log = logging.getLogger(__name__)
OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
ScheduleFactory = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


class Diverged(Exception):
    """The loss or the gradient is not finite."""

    def __init__(self, what: str, value: float, step: int) -> None:
        super().__init__(f"the {what} became {value} at update {step}")


def like(weight: Tensor, batch: Any) -> Any:
    """A batch on the device of a weight, its real numbers of the weight's dtype."""
    return type(batch)(*(x.to(weight) if x.is_floating_point() else x.to(weight.device) for x in batch))


def with_slots(metrics: dict[str, float], slots: int | None) -> dict[str, float]:
    """Metrics of a set, and the memory slots that they were measured with, if there is a memory."""
    return metrics if slots is None else {**metrics, "memory_slots": slots}


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
    #: All metrics that `counted` gives.
    metric_names: tuple[str, ...]

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
        weight = next(self.network.parameters())
        with torch.no_grad():
            for batch in batches:
                self.count(like(weight, batch), self.slots_for(batch))
        return with_slots(self.counted(), self.most_slots(batches))

    def most_slots(self, batches: Iterable[Any]) -> int | None:
        """The memory slots that the largest of some batches is evaluated with; None where there is no memory."""
        return max((size for size in map(self.slots_for, batches) if size is not None), default=None)

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
        loss, metrics = self.loss_and_metrics(shard(batch, self.trainer.global_rank, of), self.due, batch)
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
        """Clip the norm of the whole gradient, or each of its elements, and stop where the norm is not finite."""
        weights = list(self.network.parameters())
        by_value = gradient_clip_algorithm == "value"
        bound = float("inf") if gradient_clip_val is None or by_value else gradient_clip_val
        self.gradient_norm = float(nn.utils.clip_grad_norm_(weights, bound))
        if not self.gradient_norm < float("inf") and not self._scaled:
            raise Diverged("norm of the gradient", self.gradient_norm, self.global_step + 1)
        if by_value and gradient_clip_val is not None:
            nn.utils.clip_grad_value_(weights, gradient_clip_val)
        if self.due:
            self.write({"optimizer/gradient_norm": self.gradient_norm}, self.global_step + 1)

    @property
    def _scaled(self) -> bool:
        """Whether gradients are scaled, as in 16-mixed: an update whose gradients overflow is then left out."""
        plugin = getattr(self._trainer, "precision_plugin", None)  # none, where no trainer has this learner
        return getattr(plugin, "scaler", None) is not None

    def on_fit_start(self) -> None:
        own, slots = self.network.memory_slots, self.most_slots(self.task.validation)
        if slots != own:
            log.info("Validation is measured with %d memory slots instead of %d.", slots, own)

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
        self.tested: dict[str, dict[str, float]] = {}
        self._test_set: str | None = None
        self._test_slots: int | None = None

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        if batch_idx == 0:  # of the next set; how many batches the one before had is the trainer's matter
            self._end_test_set()
            self.reset_metrics()
            self._test_set, self._test_slots = list(self.task.tests)[dataloader_idx], None
        slots = self.slots_for(batch)
        self.count(batch, slots)
        self._test_slots = slots if slots is None else max(slots, self._test_slots or 0)

    def _end_test_set(self) -> None:
        """Keep what was counted of a test set under its name."""
        if self._test_set is not None:
            self.tested[self._test_set] = with_slots(self.counted(), self._test_slots)
            self._test_set = None

    def on_test_epoch_end(self) -> None:
        self._end_test_set()
        scalars = {
            f"test/{name}/{metric}": float(value)
            for name, metrics in self.tested.items()
            for metric, value in metrics.items()
        }
        self.write(scalars, self.global_step)
