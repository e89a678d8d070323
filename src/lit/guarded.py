"""Base class of the learner: gradient clipping, logging, and the stop of a run that has diverged."""

import logging
from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from .divergence import Diverged, DivergenceWatch
from .unusable_gradients import UnusableGradients

log = logging.getLogger(__name__)


class GuardedModule(lightning.LightningModule):
    """A LightningModule whose updates stop at a loss that is not finite, or at many such gradients in a row.

    A single gradient that is not finite is left out, see `UnusableGradients`.

    On the CPU the check comes before the update. On a device it is deferred to logged updates, validations and
    checkpoints, to avoid synchronisation; updates from the first number that is not finite on are undone, and that
    number is reported.
    """

    network: Any

    def __init__(self) -> None:
        super().__init__()
        self.watch = DivergenceWatch()
        self.unusable = UnusableGradients()
        self._told = 0
        self._loss = self._norm = torch.tensor(torch.nan)
        self._batch: int | None = None

    @property
    def last_loss(self) -> float:
        """The loss of the last update; synchronises with a device."""
        return float(self._loss)

    @property
    def gradient_norm(self) -> float:
        """The norm of the last gradient before clipping; synchronises with a device."""
        return float(self._norm)

    @property
    def due(self) -> bool:
        """Whether to log this batch: the last one of the first update and of every n-th.

        Logging can cost as much as an update.
        """
        if self._trainer is not None and self._trainer.fit_loop._should_accumulate():
            return False
        update = self.global_step + 1
        return update == 1 or update % self.trainer.log_every_n_steps == 0  # type: ignore[attr-defined]

    def write(self, scalars: Mapping[str, float | Tensor], update: int) -> None:
        """Give scalars of an update to every logger.

        `self.log` would log them one update earlier than callbacks do, and add a curve of epochs.
        """
        if self.loggers:
            numbers = {name: float(value) for name, value in scalars.items()}
            for logger in self.loggers:
                logger.log_metrics(numbers, step=update)

    def see_loss(self, value: Tensor, batch_idx: int) -> None:
        """Check the loss of the current update; `batch_idx` counts from the last validation."""
        self._loss, self._batch = value, batch_idx
        self.watch.see("loss", value, self.global_step + 1, batch_idx)
        if self.due:
            self.check_finite()

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm of the whole gradient, or each of its elements; leave out what is not finite."""
        weights = list(self.network.parameters())
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        self._norm = norm = nn.utils.get_total_norm(gradients)
        if not self._scaled:
            norm = self.unusable.leave_out(gradients, norm)
            beyond = self.unusable.beyond_limit(self._norm)
            self.watch.see("norm of the gradient", beyond, self.global_step + 1, self._batch)
        by_value = gradient_clip_algorithm == "value"
        if by_value and gradient_clip_val is not None:
            nn.utils.clip_grad_value_(weights, gradient_clip_val)
        elif gradient_clip_val is not None:
            nn.utils.clip_grads_with_norm_(weights, gradient_clip_val, norm)
        if self.due:
            self.check_finite()
            self.write({"optimizer/gradient_norm": self._norm}, self.global_step + 1)
        self.watch.keep(weights)

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """Make an update, and undo it if a number of this or an earlier update was not finite."""
        super().optimizer_step(*arguments, **options)
        self.watch.undo()

    def check_finite(self) -> None:
        """Check that all numbers so far were finite.

        Raises:
            Diverged: one was not; the trainer's update count is then set to the updates before it.
        """
        try:
            self.watch.check()
        except Diverged as divergence:
            updates = self.trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total
            updates.ready = updates.completed = divergence.step - 1
            raise
        unusable = int(self.unusable.total)
        if unusable > self._told:
            log.warning("%d gradients were not finite so far and have been left out.", unusable)
            self._told = unusable

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Prevent a checkpoint of a run that has diverged."""
        self.check_finite()
        checkpoint["unusable_gradients"] = self.unusable.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the counts of unusable gradients, where a checkpoint has them."""
        if "unusable_gradients" in checkpoint:
            self.unusable.load_state_dict(checkpoint["unusable_gradients"])
            self._told = int(self.unusable.total)

    @property
    def _scaled(self) -> bool:
        """Whether gradients are scaled, as in 16-mixed: updates whose gradients overflow are then skipped."""
        plugin = getattr(self._trainer, "precision_plugin", None)  # None without a trainer
        return getattr(plugin, "scaler", None) is not None
