"""Thread pool: every row once, in small parts; errors, signals, forks and concurrent calls."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from src.engines.numba_cpu import threads
from src.engines.numba_cpu.threads import ROWS, over_rows

PATIENCE = 30


@pytest.fixture
def pool(monkeypatch):
    """An empty pool."""
    monkeypatch.setattr(threads, "_pool", [])
    return threads._pool


def parts_of(rows, count):
    """The parts (first, last) of all calls, sorted, and the identifiers of their threads."""
    parts, names = [], set()

    def call(_, first, last):
        parts.append((first, last))
        names.add(threading.get_ident())

    over_rows(call, rows, count)
    return sorted(parts), names


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_every_row_exactly_once(count):
    for rows in [*range(1, 70), 100, 128, 257, 1000]:
        parts, names = parts_of(rows, count)
        assert [row for first, last in parts for row in range(first, last)] == list(range(rows))
        sizes = [last - first for first, last in parts]
        assert 1 <= min(sizes) <= max(sizes) <= min(ROWS, min(sizes) + 1)
        assert len(parts) % min(count, rows) == 0  # all threads have the same number of parts
        assert len(names) <= min(count, rows)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_thread_number_gets_the_same_rows_in_every_call(count):
    """Each thread accumulates its own sums, which must be reproducible."""
    shares = []
    for _ in range(2):
        share, names = {}, {}

        def call(thread, first, last, share=share, names=names):
            share.setdefault(thread, []).append((first, last))
            names.setdefault(thread, set()).add(threading.get_ident())

        over_rows(call, 50, count)
        assert sorted(share) == list(range(count))
        assert all(len(one) == 1 for one in names.values())
        shares.append(share)
    assert shares[0] == shares[1]


def test_one_thread_is_the_calling_thread(pool):
    for rows, count in ((1, 1), (100, 1), (1, 8)):
        assert parts_of(rows, count)[1] == {threading.get_ident()}
    assert pool == []


@pytest.mark.parametrize("count", [2, 3, 5])
def test_all_threads_run_concurrently(count):
    """The calling thread among them: each waits for the others."""
    together, names = threading.Barrier(count), []

    def call(_, first, last):
        together.wait(PATIENCE)
        names.append(threading.get_ident())

    over_rows(call, count, count)
    assert len(set(names)) == count
    assert threading.get_ident() in names


def test_threads_are_reused(pool):
    used = []
    for count in (2, 2, 3, 2):
        parts_of(50, count)
        used.append(list(pool))
    assert [len(workers) for workers in used] == [1, 1, 2, 2]
    assert used[0][0] is used[3][0]
    assert used[2] == used[3]


@pytest.mark.parametrize("checks", [1, 10_000])
def test_a_sleeping_thread_is_woken(checks, pool, monkeypatch):
    """And a caller waits longer than one spin wait."""
    monkeypatch.setattr(threads, "SPIN_CHECKS", checks)
    everything = parts_of(50, 2)[0]
    for pause in (0.0, 0.1, 0.0):
        time.sleep(pause)
        assert parts_of(50, 2)[0] == everything
    ends = []

    def call(_, first, last):
        time.sleep(0.1 * first)
        ends.append(first)

    over_rows(call, 2, 2)
    assert sorted(ends) == [0, 1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_exception_of_a_part_reaches_the_caller(count):
    parts, _ = parts_of(70, count)
    for bad in parts:

        def call(_, first, last, bad=bad):
            if (first, last) == bad:
                raise ArithmeticError(str(bad))

        with pytest.raises(ArithmeticError) as caught:
            over_rows(call, 70, count)
        assert caught.value.args == (str(bad),)
        assert parts_of(70, count)[0] == parts


def test_after_an_exception_all_threads_are_finished():
    """As after Ctrl-C: the caller may reuse the arrays of the call."""
    main, began, may_end, ended = threading.get_ident(), threading.Event(), threading.Event(), threading.Event()

    def call(_, first, last):
        if threading.get_ident() == main:
            began.wait(PATIENCE)
            threading.Timer(0.2, may_end.set).start()
            raise KeyboardInterrupt
        began.set()
        may_end.wait(PATIENCE)
        ended.set()

    try:
        with pytest.raises(KeyboardInterrupt):
            over_rows(call, 2, 2)
        over_before = ended.is_set()
    finally:
        ended.wait(PATIENCE)
    assert over_before


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # since Python 3.12
def test_it_works_in_a_forked_process():
    """The threads of the parent do not exist in the child."""
    everything = parts_of(50, 2)[0]
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:  # no code of pytest may run here
        status = 1
        try:
            signal.alarm(PATIENCE)
            status = 0 if parts_of(50, 2)[0] == everything and len(os.read(receive, 1)) == 1 else 2
        finally:
            os._exit(status)
    assert parts_of(50, 2)[0] == everything  # the parent still uses its threads
    os.write(send, b".")
    _, status = os.waitpid(child, 0)
    os.close(receive)
    os.close(send)
    assert os.waitstatus_to_exitcode(status) == 0


def test_calls_at_the_same_time():
    """Each computes all its rows, the first with the pool, the other without, and neither waits for the other."""
    both, found = threading.Barrier(2), {}

    def caller(number):
        rows = []

        def call(_, first, last):
            if first == 0:  # fails unless the other call runs concurrently
                both.wait(PATIENCE)
            rows.extend(range(first, last))

        over_rows(call, 40, 2 if number == 0 else 3)
        found[number] = sorted(rows)

    callers = [threading.Thread(target=caller, args=(number,), daemon=True) for number in range(2)]
    for one in callers:
        one.start()
    for one in callers:
        one.join(PATIENCE)
    assert found == {0: list(range(40)), 1: list(range(40))}
    assert parts_of(50, 2)[0]  # the pool is free again


def test_a_call_within_a_call():
    """As in a callback: the inner call does not wait for the pool."""
    inner = []
    over_rows(lambda *_: over_rows(lambda _, first, last: inner.append(last - first), 20, 2), 2, 2)
    assert sum(inner) == 40


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError, SystemExit])
def test_a_signal_while_other_threads_run(monkeypatch, error):
    """The exception of its handler is raised after all threads have finished, and the pool is free again."""
    ended = []
    finish = threads.KernelThread.finish
    interrupts = iter([error, error])

    def interrupted(worker):
        for one in interrupts:
            raise one
        finish(worker)

    monkeypatch.setattr(threads.KernelThread, "finish", interrupted)
    with pytest.raises(error):
        over_rows(lambda part, *_: (time.sleep(0.1 * part), ended.append(part)), 2, 2)
    assert sorted(ended) == [0, 1]
    assert not threads._busy.locked()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_within_a_call_of_another_thread():
    """The pool of the child is free."""
    began, may_end = threading.Event(), threading.Event()
    other = threading.Thread(
        target=lambda: over_rows(lambda *_: (began.set(), may_end.wait(PATIENCE)), 2, 2), daemon=True
    )
    other.start()
    assert began.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(PATIENCE)
            status = 0 if len(parts_of(50, 2)[1]) == 2 else 2
        finally:
            os._exit(status)
    may_end.set()
    other.join(PATIENCE)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_rows_of_an_array():
    out = np.zeros(333)
    rows = np.arange(333.0)
    over_rows(lambda _, first, last: np.add(out[first:last], rows[first:last], out=out[first:last]), 333, 3)
    assert (out == rows).all()
