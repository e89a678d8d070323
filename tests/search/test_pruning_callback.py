"""What Optuna is told after a validation, and what ends a run."""

from types import SimpleNamespace

import pytest

from src.callbacks.history import History
from src.callbacks.interrupt import Interrupt, Stop
from src.lit.bits import Bits
from src.lit.learner import Learner
from src.search.watch import Watch

optuna = pytest.importorskip("optuna")


def learner():
    """Of answers in bits, as far as it is asked."""
    one = object.__new__(Learner)
    one.__dict__["objective"] = Bits()
    return one


class Never(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return False


class Always(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return True


def validations(watch, values, tmp_path, interrupted=False):
    """The trainer after validations of these bits."""
    history, interrupt = History(str(tmp_path)), Interrupt()
    interrupt.interrupted = interrupted
    trainer = SimpleNamespace(
        state=SimpleNamespace(fn="fit"), callbacks=[history, interrupt, watch], should_stop=False
    )
    for value in values:
        history.rows.append({"bits": value})
        watch.on_validation_end(trainer, learner())
    return trainer, interrupt


def test_the_best_so_far_is_averaged_with_the_seeds_before(tmp_path):
    study = optuna.create_study(pruner=Never())
    trial = study.ask()
    validations(Watch(trial, [], 4, last=False), [8.0, 4.0, 6.0, 2.0], tmp_path)
    trainer, _ = validations(Watch(trial, [2.0], 4, last=True), [8.0, 9.0], tmp_path)
    told = {0: 8.0, 1: 4.0, 2: 4.0, 3: 2.0, 4: 5.0, 5: 5.0}
    assert study.trials[0].intermediate_values == told
    assert not trainer.should_stop
    # From a checkpoint it comes by the last ones again, which are not told twice.
    validations(Watch(trial, [2.0], 4, last=True), [8.0, 9.0, 6.0], tmp_path)
    assert study.trials[0].intermediate_values == told | {6: 4.0}


@pytest.mark.parametrize(
    ("last", "count", "interrupted", "pruned"),
    [
        (True, 1, False, True),
        (True, 2, False, False),  # it has ended
        (False, 2, False, True),  # there are seeds to spare
        (True, 1, True, False),  # the user comes first
    ],
)
def test_pruning(tmp_path, last, count, interrupted, pruned):
    trial = optuna.create_study(pruner=Always()).ask()
    watch = Watch(trial, [], 2, last)
    history_before = [3.0] * (count - 1)
    trial.study.pruner = Never()
    trainer, interrupt = validations(watch, history_before, tmp_path, interrupted)
    trial.study.pruner = Always()
    history = trainer.callbacks[0]
    history.rows.append({"bits": 3.0})
    watch.on_validation_end(trainer, learner())
    assert (trainer.should_stop, interrupt.given is not None) == (pruned, pruned)
    if pruned:
        reason = f"pruned: worse than the median of the trials before, after validation {count}"
        assert interrupt.given == Stop("pruned", reason)


def test_a_trial_whose_last_run_has_just_solved_its_task_is_complete(tmp_path):
    """The callback that ends a solved run comes before the one that watches."""
    for last in (True, False):
        study = optuna.create_study(pruner=Always())
        interrupt = Interrupt()
        watch = Watch(study.ask(), [], 9, last)
        trainer, history = (
            SimpleNamespace(state=SimpleNamespace(fn="fit"), should_stop=True),
            History(str(tmp_path)),
        )
        trainer.callbacks = [history, interrupt, watch]
        history.rows.append({"bits": 3.0})
        watch.on_validation_end(trainer, learner())
        assert (interrupt.given is None) == last


def test_the_validation_before_a_test_is_nothing_to_tell(tmp_path):
    study = optuna.create_study(pruner=Always())
    trainer = SimpleNamespace(state=SimpleNamespace(fn="test"))
    Watch(study.ask(), [], 2, last=True).on_validation_end(trainer, learner())
    assert study.trials[0].intermediate_values == {}
