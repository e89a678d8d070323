"""Tells Optuna after every validation how a trial does, and ends its run where the pruner gives it up."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import lightning
from lightning.pytorch.callbacks import Callback

from src.callbacks.history import History
from src.callbacks.interrupt import Interrupt, Stop
from src.lit.learner import Learner

if TYPE_CHECKING:
    from optuna import Trial


class Watch(Callback):
    """Reports the best value so far, averaged with those of the seeds before, and prunes.

    A step of the trial is a validation; those of the second seed come after all that the first may have. So trials
    are compared at the same number of seeds and updates.

    Args:
        trial: of Optuna.
        before: the values of the seeds before this one.
        validations: of one run, if nothing ends it early.
        last: whether this is the last seed.
    """

    def __init__(self, trial: "Trial", before: Sequence[float], validations: int, last: bool) -> None:
        self.trial = trial
        self.before = list(before)
        self.validations = validations
        self.last = last

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.state.fn != "fit" or not isinstance(pl_module, Learner):
            return
        callbacks: dict[type, Any] = {type(one): one for one in trainer.callbacks}  # type: ignore[attr-defined]
        history, interrupt = callbacks[History], callbacks[Interrupt]
        values = [*self.before, min(map(pl_module.objective.to_minimise, history.rows))]
        at = len(history.rows) - 1
        step = len(self.before) * self.validations + at
        # A run that goes on from a checkpoint comes by some validations again.
        if step not in self.trial.study.get_trials(deepcopy=False)[self.trial.number].intermediate_values:
            self.trial.report(sum(values) / len(values), step)
        # What has ended, also for its task is solved, has nothing left to be spared.
        done = self.last and (at + 1 >= self.validations or trainer.should_stop)
        if not done and not interrupt.interrupted and self.trial.should_prune():
            reason = f"pruned: worse than the median of the trials before, after validation {step + 1}"
            interrupt.given = Stop("pruned", reason)
            trainer.should_stop = True
