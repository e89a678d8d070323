"""Which settings mattered in a search."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from optuna import Study


def importances(study: "Study", least: int = 4) -> dict[str, float]:
    """How much each key matters for being among the best trials, as shares of 1; empty where too few have ended.

    PED-ANOVA, https://arxiv.org/abs/2304.10255: where the best of the trials are, beside where all are that were
    tried. Pruned and diverged ones are among these, as worse than any other: nothing counts but who is the best.
    """
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    values = [np.inf if one.state == TrialState.PRUNED or one.value is None else one.value for one in ended]
    finite = [value for value in values if np.isfinite(value)]
    if len(ended) < least or len(finite) < 2:
        return {}
    copy = optuna.create_study()
    for one, value in zip(ended, np.minimum(values, max(finite) + 1), strict=True):
        trial = optuna.create_trial(params=one.params, distributions=one.distributions, value=float(value))
        copy.add_trial(trial)
    # The paper's tenth, but five trials at least; none of them pruned or diverged.
    share = min(max(0.1, min(0.5, 5 / len(ended))), len(finite) / len(ended))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, which the reader sees
        evaluator = PedAnovaImportanceEvaluator(target_quantile=share)
        return optuna.importance.get_param_importances(copy, evaluator=evaluator)
