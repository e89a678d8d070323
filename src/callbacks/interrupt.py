"""What ends a run early, with nothing lost: Ctrl-C or a time limit, between two updates."""

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
    reason: str | None = None  # in words, where there is something to say


class Interrupt(Callback):
    """The first Ctrl-C (or SIGTERM) stops after the running update, as a time limit does; a second one at once.

    A period that is cut short ends without its validation: that would be one that the run has not when it is
    never stopped, and so could not go on as if it had not been. Where gradients are accumulated, the running
    update ends with the last batch that belongs to it. Of several processes, one that is told to stop stops all,
    after the same update.

    Attributes:
        interrupted: whether the user or a time limit stopped the run.
        given: why it was stopped otherwise than by the user, by a time limit or another callback, if it was.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self.given: Stop | None = None
        self.max_time: Any = None
        self.seconds = self.until = float("inf")
        self.handlers: dict[int, Any] = {}

    def limit(self, max_time: Any, seconds: float) -> None:
        """Stop after so many seconds of training; a run that is resumed has as many again.

        Args:
            max_time: what the user gave.
            seconds: what that is.
        """
        self.max_time, self.seconds = max_time, seconds

    @property
    def stop(self) -> Stop | None:
        """Why the run was stopped; None where it was not."""
        return self.given or (Stop("user") if self.interrupted else None)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.until = time.monotonic() + self.seconds

        # Not in on_fit_start: Lightning puts back, at the end, the handlers that it finds just after that.
        def stop(number: int, frame: FrameType | None) -> None:
            self.interrupted = True
            log.warning("Stopping after this update; again to stop at once.")
            self._restore()

        # In a job of submitit SIGTERM only announces the signal with which it is queued again.
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
        told = trainer.strategy.reduce_boolean_decision(self.interrupted, all=False)
        over = self.max_time is not None and trainer.global_step < trainer.max_steps
        if over:  # for all processes, where it is for one
            over = trainer.strategy.reduce_boolean_decision(time.monotonic() >= self.until, all=False)
        if (told or over) and not trainer.fit_loop._should_accumulate():
            if over and not told:
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
