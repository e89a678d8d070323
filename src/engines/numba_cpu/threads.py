"""Rows of a batch on several threads; the kernels release Python's lock while they compute.

One pool of threads serves the process. Calls at the same time, from several threads of Python, do not wait for one
another: the first has the pool, and the others do all their rows themselves.
"""

import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

#: Rows that go through all steps together: what they work on then stays in the cache.
ROWS = 8
#: How often a thread looks out for work before it falls asleep: some milliseconds, the time between two calls.
TURNS = 10_000
#: The threads, and whose call they are at work for: one at a time.
_pool: "list[KernelThread]" = []
_busy = threading.Lock()


class KernelThread(threading.Thread):
    """A thread that does one job after another, and looks out for the next for a while before it sleeps.

    Args:
        changes: `src.engines.numba_cpu.spin_wait.changes`.
    """

    def __init__(self, changes: Callable[[np.ndarray, int, int], bool]) -> None:
        super().__init__(daemon=True, name="fused")
        self.changes = changes
        self.job: Callable[[], None] = lambda: None
        self.error: BaseException | None = None
        self.posted = np.zeros(1, np.int64)
        self.done = np.zeros(1, np.int64)
        self.asleep = threading.Condition()

    def run(self) -> None:
        for known in itertools.count():
            if not self.changes(self.posted, known, TURNS):
                with self.asleep:
                    while self.posted[0] == known:
                        self.asleep.wait()
            try:
                self.job()
            except BaseException as error:  # the caller raises it, see `over_rows`
                self.error = error
            self.done[0] = known + 1

    def post(self, job: Callable[[], None]) -> None:
        """Have a job done; the one before must be finished."""
        self.job, self.error = job, None
        with self.asleep:
            self.posted[0] += 1
            self.asleep.notify()

    def finish(self) -> None:
        """Wait until the job is done."""
        target = int(self.posted[0])
        while self.done[0] != target:
            self.changes(self.done, target - 1, TURNS)


def over_rows(call: Callable[[int, int, int], Any], rows: int, threads: int) -> None:
    """call(part, first, last) for some of the rows 0..rows-1 at a time, by the parts 0..threads-1.

    Each part runs on a thread of its own, unless another call has the pool just now. A part always has the same
    rows, and does them in order.
    """
    threads = min(threads, rows)
    parts = threads * -(-rows // (threads * ROWS))
    edges = [rows * i // parts for i in range(parts + 1)]
    spans = list(itertools.pairwise(edges))

    def share(i: int) -> None:
        for first, last in spans[i::threads]:
            call(i, first, last)

    if threads == 1 or not _busy.acquire(blocking=False):
        for i in range(threads):
            share(i)
        return
    workers: list[KernelThread] = []
    try:
        workers = _workers(threads - 1)
        for i, worker in enumerate(workers):
            worker.post(lambda i=i: share(i + 1))  # type: ignore[misc]
        share(0)  # this thread takes its share too
    finally:
        try:
            _all_finished(workers)
            errors = [worker.error for worker in workers]
        finally:
            _busy.release()
    for error in errors:
        if error is not None:
            raise error


def _all_finished(workers: list[KernelThread]) -> None:
    """Wait for every worker, whatever a signal raises: none may be at work on arrays that the caller frees."""
    interrupt: BaseException | None = None
    for worker in workers:
        while True:
            try:
                worker.finish()
                break
            except BaseException as error:
                interrupt = error
    if interrupt is not None:
        raise interrupt


def _workers(count: int) -> list[KernelThread]:
    """So many threads of this process."""
    while len(_pool) < count:
        from src.engines.numba_cpu.spin_wait import changes

        _pool.append(KernelThread(changes))
        _pool[-1].start()
    return _pool[:count]


def _reset_after_fork() -> None:
    """Begin with no threads: those of the parent do not survive a fork, and one may have had the lock."""
    global _pool, _busy
    _pool, _busy = [], threading.Lock()


os.register_at_fork(after_in_child=_reset_after_fork)
