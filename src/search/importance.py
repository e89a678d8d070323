"""Importance of the searched settings."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from optuna import Study

#: Ended trials below which there is no importance.
FEWEST = 4


def importances(study: "Study") -> dict[str, float]:
    """The importance of each key for being among the best trials, as shares that sum to 1.

    PED-ANOVA, https://arxiv.org/abs/2304.10255, compares the distribution of the best trials with that of all.
    Only the ranks of trials matter, so pruned and diverged ones take part as worse than any other.

    Returns:
        shares by key; empty where too few trials have ended.
    """
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    values = [np.inf if one.state == TrialState.PRUNED or one.value is None else one.value for one in ended]
    finite = [value for value in values if np.isfinite(value)]
    if len(ended) < FEWEST or len(finite) < 2:
        return {}
    copy = optuna.create_study()
    for one, value in zip(ended, np.minimum(values, max(finite) + 1), strict=True):
        trial = optuna.create_trial(params=one.params, distributions=one.distributions, value=float(value))
        copy.add_trial(trial)
    # The best trials: a tenth, as in the paper, but at least five, and none that was pruned or diverged.
    share = min(max(0.1, min(0.5, 5 / len(ended))), len(finite) / len(ended))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are few trials, which the table shows
        evaluator = PedAnovaImportanceEvaluator(target_quantile=share)
        return optuna.importance.get_param_importances(copy, evaluator=evaluator)
