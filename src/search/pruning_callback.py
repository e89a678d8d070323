"""Callback of a trial: reports each validation to Optuna, and stops the run where the pruner says so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import lightning
from lightning.pytorch.callbacks import Callback

from ..callbacks.history import History
from ..callbacks.interrupt import Interrupt, Stop
from ..lit.learner import Learner

if TYPE_CHECKING:
    from optuna import Trial


class PruningCallback(Callback):
    """Reports the best objective value so far, averaged with those of the earlier seeds, and prunes the trial.

    A step of the trial is a validation; seed n (from 0) has steps n * validations and up. So trials are compared
    at the same number of seeds and updates.

    Args:
        trial: of Optuna.
        before: objective values of the earlier seeds.
        validations: number of validations of a run that does not end early.
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
        # A run that is resumed from a checkpoint repeats some validations.
        if step not in self.trial.study.get_trials(deepcopy=False)[self.trial.number].intermediate_values:
            self.trial.report(sum(values) / len(values), step)
        # Pruning saves nothing where this is the last run and it has ended, by its last update or a solved task.
        done = self.last and (at + 1 >= self.validations or trainer.should_stop)
        if not done and not interrupt.interrupted and self.trial.should_prune():
            reason = f"pruned: worse than the median of the trials before, after validation {step + 1}"
            interrupt.given = Stop("pruned", reason)
            trainer.should_stop = True
