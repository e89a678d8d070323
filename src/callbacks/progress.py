"""Progress bar of the whole run: updates, remaining time, loss and headline metric."""

import sys
from typing import Any

import lightning
from lightning.pytorch.callbacks import ProgressBar as LightningProgressBar
from tqdm import tqdm

from ..common import checks
from ..lit.learner import Learner
from .history import validation_of


class Progress(LightningProgressBar):
    """Shows the updates made out of `max_steps`.

    Args:
        every: least seconds between two redraws.
    """

    def __init__(self, every: float = 0.5) -> None:
        super().__init__()
        self.every = checks.number("every", every, least=0)
        self.enabled = True
        self.bar: tqdm | None = None
        self.validation_text = ""

    def disable(self) -> None:
        self.enabled = False

    def enable(self) -> None:
        self.enabled = True

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self.enabled:
            self.bar = tqdm(
                total=trainer.max_steps,
                initial=trainer.global_step,
                unit="update",
                mininterval=self.every,
                dynamic_ncols=True,
                file=sys.stderr,
            )

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if self.bar is None or trainer.global_step == self.bar.n:  # a batch of an update with several
            return
        if self.bar.update(trainer.global_step - self.bar.n) and isinstance(pl_module, Learner):
            shown = trainer.progress_bar_metrics
            text = " ".join(f"{name}={value:.4g}" for name, value in shown.items() if name != "v_num")
            self.bar.set_postfix_str(text + self.validation_text, refresh=False)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if isinstance(pl_module, Learner) and trainer.state.fn == "fit":
            value = validation_of(trainer).get(pl_module.objective.headline)
            self.validation_text = "" if value is None else f" validation={value:.4g}"

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._close()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
