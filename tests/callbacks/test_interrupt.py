"""Interruption between two updates."""

import signal
import threading
from types import SimpleNamespace

import pytest

from src.callbacks.interrupt import Interrupt, Stop

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def heard():
    """Signals received by handlers of the test, which are restored afterwards."""
    calls = []
    before = [signal.signal(number, lambda n, frame: calls.append(n)) for number in SIGNALS]
    yield calls
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_stops_after_the_update_and_the_second_has_the_old_handler(
    trainer, heard, caplog, number
):
    before, one = handlers(), Interrupt()
    one.on_train_start(trainer, None)
    one.on_train_batch_end(trainer, None, None, None, 0)
    assert (one.interrupted, trainer.should_stop) == (False, False)
    signal.raise_signal(number)
    assert (one.interrupted, trainer.should_stop, heard) == (True, False, [])
    assert "Stopping after this update; a second signal stops at once." in caplog.text
    assert handlers() == before
    one.on_train_batch_end(trainer, None, None, None, 1)
    assert trainer.should_stop
    signal.raise_signal(number)
    assert heard == [number]


@pytest.mark.parametrize("end", ["on_fit_end", "on_exception"])
def test_handlers_are_restored(trainer, end):
    before, one = handlers(), Interrupt()
    one.on_train_start(trainer, None)
    assert all(new != old for new, old in zip(handlers(), before, strict=True))
    arguments = [ValueError()] if end == "on_exception" else []
    getattr(one, end)(trainer, None, *arguments)
    assert handlers() == before
    getattr(one, end)(trainer, None, *arguments)
    assert handlers() == before
    assert not one.interrupted


def test_outside_of_the_main_thread(trainer):
    """Python allows no handlers there; a run in such a thread has none."""
    before, one, failures = handlers(), Interrupt(), []

    def fit():
        try:
            one.on_train_start(trainer, None)
            one.on_fit_end(trainer, None)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert failures == []
    assert handlers() == before


@pytest.mark.parametrize(("last", "step", "validated"), [(False, 4, False), (True, 5, True), (False, 10, True)])
def test_an_interrupted_period_has_no_validation(trainer, heard, last, step, validated):
    """Except after the last update of the run, which always has one."""
    one = Interrupt()
    one.on_train_start(trainer, None)
    signal.raise_signal(signal.SIGINT)
    trainer.global_step, trainer.fit_loop.epoch_loop.batch_progress.is_last_batch = step, last
    one.on_train_batch_end(trainer, None, None, None, 0)
    assert (trainer.limit_val_batches > 0) is validated
    one.on_fit_end(trainer, None)


def test_sigterm_in_a_job_of_submitit_is_not_handled(trainer, heard, monkeypatch):
    """There it announces the signal at which submitit requeues the job."""
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    one = Interrupt()
    one.on_train_start(trainer, None)
    signal.raise_signal(signal.SIGTERM)
    assert (one.interrupted, heard) == (False, [signal.SIGTERM])
    signal.raise_signal(signal.SIGINT)
    assert one.interrupted
    one.on_fit_end(trainer, None)


class TestTimeLimit:
    """In one of several processes the time limit may be over before it is in the others."""

    @staticmethod
    def trainer(over_elsewhere):
        strategy = SimpleNamespace(reduce_boolean_decision=lambda mine, all: mine or next(over_elsewhere))
        loop = SimpleNamespace(
            _should_accumulate=lambda: False,
            epoch_loop=SimpleNamespace(batch_progress=SimpleNamespace(is_last_batch=False)),
        )
        return SimpleNamespace(
            strategy=strategy, fit_loop=loop, global_step=3, max_steps=9, should_stop=False, limit_val_batches=1.0
        )

    def test_all_processes_have_the_reason(self):
        one = Interrupt()
        one.limit("00:00:01:00", 60.0)
        trainer = self.trainer(iter([False, True]))  # no signal anywhere; the clock of another is over
        one.on_train_batch_end(trainer, None, None, None, 0)
        assert trainer.should_stop
        assert one.stop == Stop("time_limit", "trainer.max_time=00:00:01:00 was over after update 3")

    def test_a_signal_is_the_reason_where_both_come(self):
        one = Interrupt()
        one.limit("00:00:01:00", 60.0)
        one.on_train_batch_end(self.trainer(iter([True, True])), None, None, None, 0)
        assert (one.interrupted, one.stop) == (True, Stop("user"))

    def test_without_a_limit_processes_do_not_synchronise_the_clock(self):
        one = Interrupt()
        one.on_train_batch_end(self.trainer(iter([False])), None, None, None, 0)
        assert (one.interrupted, one.stop) == (False, None)
