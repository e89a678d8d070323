"""Clock: seconds of training and number of training sequences."""

import time
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from ..lit.divergence import Diverged


class Clock(Callback):
    """Counts training sequences and seconds of training, and logs sequences a second at every validation.

    The clock runs from the start of each period between validations to its last update; validation, figures,
    checkpoints and tests do not count.

    Attributes:
        seconds: of training so far.
        sequences: trained on so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sequences = 0
        self.started: float | None = None
        self.at_validation = (0, 0.0)  # sequences and seconds at the last validation
        self.before_batch: list[tuple[int, float]] = []  # the same before each batch of the period

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.before_batch = []
        self.started = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self.before_batch.append((self.sequences, self.seconds))
        self.sequences += len(batch[0])
        if self.started is not None:
            now = time.perf_counter()
            self.seconds += now - self.started
            self.started = now

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        sequences, seconds = self.at_validation
        self.at_validation = (self.sequences, self.seconds)
        self.started = None
        if self.seconds > seconds:
            rate = (self.sequences - sequences) / (self.seconds - seconds)
            for logger in trainer.loggers:
                logger.log_metrics({"speed/sequences_per_second": rate}, step=trainer.global_step)

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Uncount batches from the diverged one on: on a device, divergence is detected some batches later."""
        if isinstance(exception, Diverged) and exception.batch is not None:
            uncounted = self.before_batch[exception.batch :]
            if uncounted:
                self.sequences, self.seconds = uncounted[0]

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "sequences": self.sequences}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seconds, self.sequences = state_dict["seconds"], state_dict["sequences"]
        self.at_validation = (self.sequences, self.seconds)


def clock_of(trainer: lightning.Trainer) -> Clock:
    """The Clock among the callbacks of a trainer."""
    return next(callback for callback in trainer.callbacks if isinstance(callback, Clock))  # type: ignore[attr-defined]
