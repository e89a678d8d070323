"""Clock: seconds of training and number of sequences."""

from types import SimpleNamespace

import pytest
import torch

from src.callbacks import clock
from src.callbacks.clock import Clock, clock_of


@pytest.fixture
def time(monkeypatch):
    """A wall clock that a test advances."""
    now = SimpleNamespace(value=1000.0)
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now.value)
    return now


def update(one, trainer, learner, size=4):
    one.on_train_batch_end(trainer, learner, None, (torch.zeros(size, 3, 2), None), 0)


def test_updates_count_and_validation_does_not(time, trainer, learner):
    one = Clock()
    one.on_train_epoch_start(trainer, learner)
    for seconds, size in ((2.0, 4), (3.0, 4), (0.5, 7)):
        time.value += seconds
        update(one, trainer, learner, size)
    assert (one.seconds, one.sequences) == (5.5, 15)

    time.value += 0.25  # what other callbacks do after the last update
    one.on_validation_start(trainer, learner)
    time.value += 100.0
    assert (one.seconds, one.sequences) == (5.5, 15)
    one.on_train_epoch_start(trainer, learner)
    time.value += 1.5
    update(one, trainer, learner)
    assert (one.seconds, one.sequences) == (7.0, 19)


def test_speed_is_that_of_the_period_between_two_validations(time, trainer, learner):
    one = Clock()
    for step, (seconds, updates) in enumerate(((2.0, 3), (0.5, 2))):
        one.on_train_epoch_start(trainer, learner)
        for _ in range(updates):
            time.value += seconds
            update(one, trainer, learner)
        trainer.global_step = step
        one.on_validation_start(trainer, learner)
        time.value += 50.0
    tag = "speed/sequences_per_second"
    assert trainer.loggers[0].points == [({tag: 12 / 6.0}, 0), ({tag: 8 / 1.0}, 1)]


def test_a_validation_before_any_update_and_one_without_a_logger(time, trainer, learner):
    one = Clock()
    one.on_validation_start(trainer, learner)
    assert trainer.loggers[0].points == []
    trainer.loggers = []
    one.on_train_epoch_start(trainer, learner)
    time.value += 1.0
    update(one, trainer, learner)
    one.on_validation_start(trainer, learner)
    assert one.seconds == 1.0


def test_resumes_from_a_saved_state(time, trainer, learner):
    one = Clock()
    one.load_state_dict({"seconds": 40.0, "sequences": 160})
    time.value += 500.0  # between the two halves of a run
    one.on_train_epoch_start(trainer, learner)
    time.value += 2.0
    update(one, trainer, learner)
    assert one.state_dict() == {"seconds": 42.0, "sequences": 164}
    one.on_validation_start(trainer, learner)
    assert trainer.loggers[0].points == [({"speed/sequences_per_second": 2.0}, 0)]


def test_clock_of_a_trainer(trainer):
    one = Clock()
    trainer.callbacks = [SimpleNamespace(), one]
    assert clock_of(trainer) is one
