"""Pruner, on in-memory studies: two seeds of four validations each."""

import pytest

optuna = pytest.importorskip("optuna")

from src.search.pruner import MedianOfSeeds  # noqa: E402

INFINITY = float("inf")


@pytest.fixture
def study():
    return optuna.create_study(pruner=MedianOfSeeds(trials=3, first=2, validations=4))


def trial_with(study, values, value=None):
    """A trial with these values by step; complete if `value` is given."""
    trial = study.ask()
    for step, one in values.items():
        trial.report(one, step)
    if value is not None:
        study.tell(trial, value)
    return trial


def steps(*values):
    return dict(enumerate(values))


def test_pruning_needs_complete_trials_and_first_validations(study):
    for count in range(3):
        assert not trial_with(study, steps(9, 9, 9)).should_prune(), count
        trial_with(study, steps(8, 4, 4, 2, 5, 3, 3, 2), 2.0)
    assert not trial_with(study, steps(9, 9)).should_prune()
    assert trial_with(study, steps(9, 9, 9)).should_prune()
    assert not trial_with(study, {}).should_prune()


def test_a_trial_equal_to_the_median_is_not_pruned(study):
    for value in (1, 2, 30):
        trial_with(study, steps(9, 9, value, 1), 1.0)
    assert [trial_with(study, steps(9, 9, value)).should_prune() for value in (1, 2, 2.1)] == [False, False, True]


def test_good_values_of_the_first_seed_do_not_prevent_pruning_in_the_second(study):
    """Values of the first seed alone are not means over both."""
    for _ in range(3):
        trial_with(study, steps(8, 4, 2, 1, 3, 3, 2, 2), 2.0)
    lucky = steps(8, 4, 2, 0.5)
    assert not trial_with(study, lucky).should_prune()
    assert not trial_with(study, lucky | {4: 3}).should_prune()
    assert trial_with(study, lucky | {4: 3.1}).should_prune()


def test_diverged_pruned_and_running_trials_are_not_compared_with(study):
    for _ in range(5):
        trial_with(study, steps(1, 1, 1), INFINITY)
        trial_with(study, steps(1, 1, 1))
        study.tell(trial_with(study, steps(1, 1, 1)), state=optuna.trial.TrialState.PRUNED)
    assert not trial_with(study, steps(9, 9, 9)).should_prune()


def test_a_trial_whose_run_ended_early_has_the_last_value_of_that_seed(study):
    for _ in range(3):
        trial_with(study, {0: 5, 1: 1, 4: 3, 5: 0.5}, 0.5)
    assert trial_with(study, steps(9, 9, 9, 2)).should_prune()
    assert not trial_with(study, steps(9, 9, 9, 1)).should_prune()
    assert trial_with(study, steps(9, 9, 9, 1, 3, 2, 2, 1)).should_prune()
    # Values of the first seed are not compared with those of the second.
    few = optuna.create_study(pruner=MedianOfSeeds(trials=1, first=0, validations=4))
    trial_with(few, steps(1, 1, 1, 1), 1.0)
    assert not trial_with(few, steps(9, 9, 9, 9, 9)).should_prune()
