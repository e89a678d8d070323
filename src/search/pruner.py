"""Which trials are hopeless: those behind the median of the others at the same seed and validation."""

from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from optuna import Study


class MedianOfSeeds(BasePruner):
    """Gives up a trial that is worse now than the median of the complete ones was.

    Optuna's own median pruner judges a trial by the best of all its steps, among which those of the first seed
    alone may be better than any mean over two. Here the value of now counts, which is of as many seeds for all. A
    trial whose run ended early is compared by its last value of that seed; one that diverged is left out.

    Args:
        trials: complete ones that it takes to judge another.
        first: validations of a trial by which it is not judged yet.
        validations: of one run; step n of a trial is of its seed n // validations.
    """

    def __init__(self, trials: int, first: int, validations: int) -> None:
        self.trials = trials
        self.first = first
        self.validations = validations

    def prune(self, study: "Study", trial: FrozenTrial) -> bool:
        step = trial.last_step
        if step is None or step < self.first:
            return False
        begin = step - step % self.validations  # of this seed
        others = []
        for other in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            told = [at for at in other.intermediate_values if begin <= at <= step]
            if told and other.value is not None and np.isfinite(other.value):
                others.append(other.intermediate_values[max(told)])
        return len(others) >= self.trials and trial.intermediate_values[step] > median(others)
