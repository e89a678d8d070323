"""Interruption of a run between two updates, by Ctrl-C, SIGTERM or a time limit, so that it can resume."""

import logging
import os
import signal
import time
from types import FrameType
from typing import Any, Literal, NamedTuple

import lightning
from lightning.pytorch.callbacks import Callback

log = logging.getLogger(__name__)


class Stop(NamedTuple):
    """Why a run is stopped."""

    cause: Literal["user", "time_limit", "pruned"]
    reason: str | None = None  # as text, if there is more to say


class Interrupt(Callback):
    """Stops after the current update on Ctrl-C, SIGTERM or the time limit; a second signal stops at once.

    An interrupted period ends without a validation, because the resumed run must equal an uninterrupted one, which
    has none there. With accumulated gradients, the current update ends with its last batch. If one of several
    processes is interrupted, all stop after the same update.

    Attributes:
        interrupted: whether the user or a time limit stopped the run.
        given: why the run was stopped, if by a time limit or another callback; None otherwise.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self.given: Stop | None = None
        self.max_time: Any = None
        self.seconds = self.until = float("inf")
        self.handlers: dict[int, Any] = {}

    def limit(self, max_time: Any, seconds: float) -> None:
        """Set the time limit; a resumed run has the full time again.

        Args:
            max_time: the setting of the user, for the message.
            seconds: the limit in seconds of training.
        """
        self.max_time, self.seconds = max_time, seconds

    @property
    def stop(self) -> Stop | None:
        """Why the run was stopped; None if it was not."""
        return self.given or (Stop("user") if self.interrupted else None)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.until = time.monotonic() + self.seconds

        # Not in on_fit_start: Lightning saves the handlers just after that hook and restores them at the end.
        def stop(number: int, frame: FrameType | None) -> None:
            self.interrupted = True
            log.warning("Stopping after this update; a second signal stops at once.")
            self._restore()

        # In a job of submitit SIGTERM only announces the signal at which submitit requeues the job.
        numbers = (signal.SIGINT,) if "SUBMITIT_EXECUTOR" in os.environ else (signal.SIGINT, signal.SIGTERM)
        try:
            for number in numbers:
                self.handlers[number] = signal.signal(number, stop)
        except ValueError:  # not in the main thread, where signals do not arrive
            self.handlers = {}

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        signalled = trainer.strategy.reduce_boolean_decision(self.interrupted, all=False)
        over = self.max_time is not None and trainer.global_step < trainer.max_steps
        if over:  # over for all processes if it is over for one
            over = trainer.strategy.reduce_boolean_decision(time.monotonic() >= self.until, all=False)
        if (signalled or over) and not trainer.fit_loop._should_accumulate():
            if over and not signalled:
                reason = f"trainer.max_time={self.max_time} was over after update {trainer.global_step}"
                self.given = Stop("time_limit", reason)
            self.interrupted = True
            trainer.should_stop = True
            within = not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
            if within and trainer.global_step < trainer.max_steps:
                trainer.limit_val_batches = 0

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._restore()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}
