"""Ctrl-C between two updates."""

import signal
import threading

import pytest

from src.callbacks.interrupt import Interrupt

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def heard():
    """Handlers of the test's own, put back afterwards; what they heard."""
    calls = []
    before = [signal.signal(number, lambda n, frame: calls.append(n)) for number in SIGNALS]
    yield calls
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_stops_after_the_update_and_the_second_is_the_users(trainer, heard, caplog, number):
    before, one = handlers(), Interrupt()
    one.on_train_start(trainer, None)
    one.on_train_batch_end(trainer, None, None, None, 0)
    assert (one.interrupted, trainer.should_stop) == (False, False)
    signal.raise_signal(number)
    assert (one.interrupted, trainer.should_stop, heard) == (True, False, [])
    assert "Stopping after this update; again to stop at once." in caplog.text
    assert handlers() == before
    one.on_train_batch_end(trainer, None, None, None, 1)
    assert trainer.should_stop
    signal.raise_signal(number)
    assert heard == [number]


@pytest.mark.parametrize("end", ["on_fit_end", "on_exception"])
def test_handlers_are_put_back(trainer, end):
    before, one = handlers(), Interrupt()
    one.on_train_start(trainer, None)
    assert all(ours != theirs for ours, theirs in zip(handlers(), before, strict=True))
    arguments = [ValueError()] if end == "on_exception" else []
    getattr(one, end)(trainer, None, *arguments)
    assert handlers() == before
    getattr(one, end)(trainer, None, *arguments)
    assert handlers() == before
    assert not one.interrupted


def test_outside_of_the_main_thread(trainer):
    """Python takes no handlers there; a run in such a thread goes on without."""
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
def test_a_period_that_is_cut_short_has_no_validation(trainer, heard, last, step, validated):
    """But for the last update of the run, which always has one."""
    one = Interrupt()
    one.on_train_start(trainer, None)
    signal.raise_signal(signal.SIGINT)
    trainer.global_step, trainer.fit_loop.epoch_loop.batch_progress.is_last_batch = step, last
    one.on_train_batch_end(trainer, None, None, None, 0)
    assert (trainer.limit_val_batches > 0) is validated
    one.on_fit_end(trainer, None)


def test_sigterm_in_a_job_of_submitit_is_not_ours(trainer, heard, monkeypatch):
    """There it says that the signal comes with which the job is queued again."""
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    one = Interrupt()
    one.on_train_start(trainer, None)
    signal.raise_signal(signal.SIGTERM)
    assert (one.interrupted, heard) == (False, [signal.SIGTERM])
    signal.raise_signal(signal.SIGINT)
    assert one.interrupted
    one.on_fit_end(trainer, None)
