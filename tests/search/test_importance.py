"""Importance of settings, on in-memory studies of two settings."""

import pytest

from src.search.importance import importances

optuna = pytest.importorskip("optuna")


def study(count, ended):
    """A study of `count` trials of x and y; ended(x, y) is a value, or None for a pruned trial."""
    made = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(count):
        trial = made.ask()
        value = ended(*(trial.suggest_float(name, 0, 1) for name in "xy"))
        made.tell(trial, value, state=optuna.trial.TrialState.PRUNED if value is None else None)
    return made


def test_the_setting_with_the_larger_effect_is_more_important():
    shares = importances(study(40, lambda x, y: x + 0.01 * y))
    assert list(shares) == ["x", "y"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["x"] > 0.8


@pytest.mark.parametrize("spoilt", [None, float("inf")], ids=["pruned", "diverged"])
def test_pruned_and_diverged_trials_take_part(spoilt):
    """All trials with x above 0.3 are pruned or diverge; among the others, y alone has an effect, a small one."""
    made = study(40, lambda x, y: spoilt if x > 0.3 else 1 - 0.01 * y)
    shares = importances(made)
    assert shares["x"] > shares["y"]
    survivors = optuna.create_study()
    survivors.add_trials([one for one in made.trials if one.params["x"] <= 0.3])
    left = importances(survivors)
    assert left["x"] < left["y"]


def test_with_nine_tenths_pruned_the_best_are_the_others():
    shares = importances(study(40, lambda x, y: x if x < 0.1 else None))
    assert shares["x"] > 0.8


def test_too_few_trials_have_no_importance():
    assert importances(study(3, lambda x, y: x)) == {}
    assert importances(study(9, lambda x, y: None)) == {}
    assert importances(study(9, lambda x, y: float("inf"))) == {}
    assert importances(study(4, lambda x, y: x)) != {}
