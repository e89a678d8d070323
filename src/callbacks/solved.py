"""Detection of a solved task, and stop of the run."""

import logging
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from ..common import checks
from ..lit.learner import Learner
from .clock import clock_of
from .history import validation_of

log = logging.getLogger(__name__)
#: Consecutive validations at or under the threshold that are needed.
IN_A_ROW = 3


class Solved(Callback):
    """Marks a task as solved when a validation metric is at or under a threshold three times in a row.

    Sequences and seconds count to the first of the three. The metric is `solved_by` of the objective: wrong bits
    or wrong symbols a sequence; none for bits to predict and for classes.

    Args:
        threshold: of that metric.
        stop: end training when solved.

    Attributes:
        sequences, seconds: training until solved; None if not solved.
    """

    def __init__(self, threshold: float = 0.1, stop: bool = True) -> None:
        self.threshold = checks.number("threshold", threshold, least=0)
        self.stop = checks.flag("stop", stop)
        self.good: list[tuple[int, float]] = []
        self.sequences: int | None = None
        self.seconds: float | None = None

    @property
    def solved(self) -> bool:
        """Whether the task has been solved."""
        return self.sequences is not None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop at once if the resumed run had already solved its task."""
        trainer.should_stop = trainer.should_stop or (self.solved and self.stop)

    def state_dict(self) -> dict[str, Any]:
        return {"good": self.good, "sequences": self.sequences, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.good, self.sequences = list(state_dict["good"]), state_dict["sequences"]
        self.seconds = state_dict["seconds"]

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        metric = pl_module.objective.solved_by if isinstance(pl_module, Learner) else None
        if trainer.state.fn != "fit" or metric is None or self.solved:
            return
        error = validation_of(trainer)[metric]
        clock = clock_of(trainer)
        self.good = [*self.good, (clock.sequences, clock.seconds)] if error <= self.threshold else []
        if len(self.good) == IN_A_ROW:
            self.sequences, self.seconds = self.good[0]
            log.info("Solved after %d sequences, %.0f s of fitting.", self.sequences, self.seconds)
            trainer.should_stop = trainer.should_stop or self.stop
