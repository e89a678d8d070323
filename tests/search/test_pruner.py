"""Which trials are hopeless, on studies in memory: two seeds of four validations each."""

import pytest

optuna = pytest.importorskip("optuna")

from src.search.pruner import MedianOfSeeds  # noqa: E402

INFINITY = float("inf")


@pytest.fixture
def study():
    return optuna.create_study(pruner=MedianOfSeeds(trials=3, first=2, validations=4))


def told(study, values, value=None):
    """A trial with these values by step, complete if it has one itself."""
    trial = study.ask()
    for step, one in values.items():
        trial.report(one, step)
    if value is not None:
        study.tell(trial, value)
    return trial


def steps(*values):
    return dict(enumerate(values))


def test_it_takes_so_many_complete_trials_and_validations(study):
    for count in range(3):
        assert not told(study, steps(9, 9, 9)).should_prune(), count
        told(study, steps(8, 4, 4, 2, 5, 3, 3, 2), 2.0)
    assert not told(study, steps(9, 9)).should_prune()
    assert told(study, steps(9, 9, 9)).should_prune()
    assert not told(study, {}).should_prune()


def test_the_median_decides_and_an_equal_trial_goes_on(study):
    for value in (1, 2, 30):
        told(study, steps(9, 9, value, 1), 1.0)
    assert [told(study, steps(9, 9, value)).should_prune() for value in (1, 2, 2.1)] == [False, False, True]


def test_a_first_seed_that_went_well_does_not_save_the_second(study):
    """Values of the first seed alone are no means over both."""
    for _ in range(3):
        told(study, steps(8, 4, 2, 1, 3, 3, 2, 2), 2.0)
    lucky = steps(8, 4, 2, 0.5)
    assert not told(study, lucky).should_prune()
    assert not told(study, lucky | {4: 3}).should_prune()
    assert told(study, lucky | {4: 3.1}).should_prune()


def test_diverged_pruned_and_running_trials_judge_no_other(study):
    for _ in range(5):
        told(study, steps(1, 1, 1), INFINITY)
        told(study, steps(1, 1, 1))
        study.tell(told(study, steps(1, 1, 1)), state=optuna.trial.TrialState.PRUNED)
    assert not told(study, steps(9, 9, 9)).should_prune()


def test_trials_whose_runs_ended_early_are_compared_by_their_last_value_of_the_seed(study):
    for _ in range(3):
        told(study, {0: 5, 1: 1, 4: 3, 5: 0.5}, 0.5)
    assert told(study, steps(9, 9, 9, 2)).should_prune()
    assert not told(study, steps(9, 9, 9, 1)).should_prune()
    assert told(study, steps(9, 9, 9, 1, 3, 2, 2, 1)).should_prune()
    # What another had in its first seed is not what this one has in its second.
    few = optuna.create_study(pruner=MedianOfSeeds(trials=1, first=0, validations=4))
    told(few, steps(1, 1, 1, 1), 1.0)
    assert not told(few, steps(9, 9, 9, 9, 9)).should_prune()
