"""What a learner does around an update: clipping, logging, and the stop at a number that is not finite."""

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from src.lit.divergence import Diverged, Watch


class Watched(lightning.LightningModule):
    """A LightningModule whose updates stop at the first loss or gradient that is not finite.

    On the CPU that is found before the update. On a device it is asked for in the updates that are logged, and
    before a validation and a checkpoint: no update has been made since, and the one at fault is named.
    """

    network: Any

    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch()
        self._loss = self._norm = torch.tensor(torch.nan)
        self._batch: int | None = None

    @property
    def last_loss(self) -> float:
        """The loss of the last update; a device has to be waited for."""
        return float(self._loss)

    @property
    def gradient_norm(self) -> float:
        """The norm of the last gradient, before it was clipped; a device has to be waited for."""
        return float(self._norm)

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

    def see_loss(self, value: Tensor, batch_idx: int) -> None:
        """Look at the loss of the update that is being made, on a batch counted from the last validation."""
        self._loss, self._batch = value, batch_idx
        self.watch.see("loss", value, self.global_step + 1, batch_idx)
        if self.due:
            self.look_back()

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
        self._norm = nn.utils.clip_grad_norm_(weights, bound)
        if not self._scaled:
            self.watch.see("norm of the gradient", self._norm, self.global_step + 1, self._batch)
        if by_value and gradient_clip_val is not None:
            nn.utils.clip_grad_value_(weights, gradient_clip_val)
        if self.due:
            self.look_back()
            self.write({"optimizer/gradient_norm": self._norm}, self.global_step + 1)
        self.watch.keep(weights)

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """An update, taken back where it came of a number that is not finite, or after one."""
        super().optimizer_step(*arguments, **options)
        self.watch.undo()

    def look_back(self) -> None:
        """Ask whether all numbers so far were finite.

        Raises:
            Diverged: one was not; the trainer then counts the updates before it.
        """
        try:
            self.watch.check()
        except Diverged as divergence:
            updates = self.trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total
            updates.ready = updates.completed = divergence.step - 1
            raise

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """No checkpoint is written of a run that has diverged."""
        self.look_back()

    @property
    def _scaled(self) -> bool:
        """Whether gradients are scaled, as in 16-mixed: an update whose gradients overflow is then left out."""
        plugin = getattr(self._trainer, "precision_plugin", None)  # none, where no trainer has this learner
        return getattr(plugin, "scaler", None) is not None
