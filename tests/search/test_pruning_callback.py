"""Callback of a trial: values reported to Optuna, and pruning."""

from types import SimpleNamespace

import pytest

from src.callbacks.history import History
from src.callbacks.interrupt import Interrupt, Stop
from src.lit.bits import Bits
from src.lit.learner import Learner
from src.search.pruning_callback import PruningCallback

optuna = pytest.importorskip("optuna")


def learner():
    """A learner that has its objective alone."""
    one = object.__new__(Learner)
    one.__dict__["objective"] = Bits()
    return one


class Never(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return False


class Always(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return True


def validations(callback, values, tmp_path, interrupted=False):
    """The trainer after validations with these values of `bits`."""
    history, interrupt = History(str(tmp_path)), Interrupt()
    interrupt.interrupted = interrupted
    trainer = SimpleNamespace(
        state=SimpleNamespace(fn="fit"), callbacks=[history, interrupt, callback], should_stop=False
    )
    for value in values:
        history.rows.append({"bits": value})
        callback.on_validation_end(trainer, learner())
    return trainer, interrupt


def test_the_best_so_far_is_averaged_with_the_seeds_before(tmp_path):
    study = optuna.create_study(pruner=Never())
    trial = study.ask()
    validations(PruningCallback(trial, [], 4, last=False), [8.0, 4.0, 6.0, 2.0], tmp_path)
    trainer, _ = validations(PruningCallback(trial, [2.0], 4, last=True), [8.0, 9.0], tmp_path)
    expected = {0: 8.0, 1: 4.0, 2: 4.0, 3: 2.0, 4: 5.0, 5: 5.0}
    assert study.trials[0].intermediate_values == expected
    assert not trainer.should_stop
    # A run resumed from a checkpoint repeats the last validations, which are not reported twice.
    validations(PruningCallback(trial, [2.0], 4, last=True), [8.0, 9.0, 6.0], tmp_path)
    assert study.trials[0].intermediate_values == expected | {6: 4.0}


@pytest.mark.parametrize(
    ("last", "count", "interrupted", "pruned"),
    [
        (True, 1, False, True),
        (True, 2, False, False),  # the last run has ended
        (False, 2, False, True),  # another seed remains
        (True, 1, True, False),  # the user stopped it
    ],
)
def test_pruning(tmp_path, last, count, interrupted, pruned):
    trial = optuna.create_study(pruner=Always()).ask()
    callback = PruningCallback(trial, [], 2, last)
    history_before = [3.0] * (count - 1)
    trial.study.pruner = Never()
    trainer, interrupt = validations(callback, history_before, tmp_path, interrupted)
    trial.study.pruner = Always()
    history = trainer.callbacks[0]
    history.rows.append({"bits": 3.0})
    callback.on_validation_end(trainer, learner())
    assert (trainer.should_stop, interrupt.given is not None) == (pruned, pruned)
    if pruned:
        reason = f"pruned: worse than the median of the trials before, after validation {count}"
        assert interrupt.given == Stop("pruned", reason)


def test_a_trial_whose_last_run_solved_its_task_is_complete(tmp_path):
    """The callback that stops a solved run is called before this one."""
    for last in (True, False):
        study = optuna.create_study(pruner=Always())
        interrupt = Interrupt()
        callback = PruningCallback(study.ask(), [], 9, last)
        trainer, history = (
            SimpleNamespace(state=SimpleNamespace(fn="fit"), should_stop=True),
            History(str(tmp_path)),
        )
        trainer.callbacks = [history, interrupt, callback]
        history.rows.append({"bits": 3.0})
        callback.on_validation_end(trainer, learner())
        assert (interrupt.given is None) == last


def test_a_validation_outside_of_training_is_not_reported(tmp_path):
    study = optuna.create_study(pruner=Always())
    trainer = SimpleNamespace(state=SimpleNamespace(fn="test"))
    PruningCallback(study.ask(), [], 2, last=True).on_validation_end(trainer, learner())
    assert study.trials[0].intermediate_values == {}
