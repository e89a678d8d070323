"""Pruner: ends trials that are worse than the median of the complete ones at the same seed and validation."""

from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from optuna import Study


class MedianOfSeeds(BasePruner):
    """Prunes a trial whose latest value is worse than the median of complete trials at the same step.

    Optuna's own median pruner judges a trial by the best of all steps; a value of the first seed alone may be
    better than any mean over two seeds. Here the latest value counts, a mean over as many seeds in all trials. A
    complete trial whose run ended early has the last value of that seed instead; diverged trials are ignored.

    Args:
        trials: number of complete trials that pruning needs.
        first: number of validations of a trial before which it is not pruned.
        validations: number of validations of a run; step n of a trial belongs to seed n // validations.
    """

    def __init__(self, trials: int, first: int, validations: int) -> None:
        self.trials = trials
        self.first = first
        self.validations = validations

    def prune(self, study: "Study", trial: FrozenTrial) -> bool:
        step = trial.last_step
        if step is None or step < self.first:
            return False
        begin = step - step % self.validations  # the first step of this seed
        others = []
        for other in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            reported = [at for at in other.intermediate_values if begin <= at <= step]
            if reported and other.value is not None and np.isfinite(other.value):
                others.append(other.intermediate_values[max(reported)])
        return len(others) >= self.trials and trial.intermediate_values[step] > median(others)
