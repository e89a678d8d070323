"""Thread pool for the rows of a batch; the kernels release the GIL.

The process has one pool. Concurrent calls from several Python threads do not wait for each other: the first uses
the pool, and the others compute all their rows on the calling thread.
"""

import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

#: Largest number of rows in one call of a kernel: their data stay in the cache.
ROWS = 8
#: Checks of the spin wait before a thread sleeps: some milliseconds, the time between two calls.
SPIN_CHECKS = 10_000
#: The pool, and the lock of the call that uses it.
_pool: "list[KernelThread]" = []
_busy = threading.Lock()


class KernelThread(threading.Thread):
    """A thread of the pool: runs one job after another, and spins for a while before it sleeps.

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
        self.wake = threading.Condition()

    def run(self) -> None:
        for completed in itertools.count():
            if not self.changes(self.posted, completed, SPIN_CHECKS):
                with self.wake:
                    while self.posted[0] == completed:
                        self.wake.wait()
            try:
                self.job()
            except BaseException as error:  # the caller raises it, see `over_rows`
                self.error = error
            self.done[0] = completed + 1

    def post(self, job: Callable[[], None]) -> None:
        """Start a job; the previous one must be finished."""
        self.job, self.error = job, None
        with self.wake:
            self.posted[0] += 1
            self.wake.notify()

    def finish(self) -> None:
        """Wait until the job is done."""
        target = int(self.posted[0])
        while self.done[0] != target:
            self.changes(self.done, target - 1, SPIN_CHECKS)


def over_rows(call: Callable[[int, int, int], Any], rows: int, threads: int) -> None:
    """Call `call(thread, first, last)` for consecutive ranges of the rows 0..rows-1, on threads 0..threads-1.

    Without a free pool, the calling thread runs the ranges of all threads. A thread number always gets the same
    ranges, in order.
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
        workers = _pool_threads(threads - 1)
        for i, worker in enumerate(workers):
            worker.post(lambda i=i: share(i + 1))  # type: ignore[misc]
        share(0)  # the calling thread has a share too
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
    """Wait for every thread even if a signal handler raises: the caller may free the arrays of the call."""
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


def _pool_threads(count: int) -> list[KernelThread]:
    """The first threads of the pool, started as needed."""
    while len(_pool) < count:
        from .spin_wait import changes

        _pool.append(KernelThread(changes))
        _pool[-1].start()
    return _pool[:count]


def _reset_after_fork() -> None:
    """An empty pool for a forked child: the parent's threads do not exist there, and one may hold the lock."""
    global _pool, _busy
    _pool, _busy = [], threading.Lock()


os.register_at_fork(after_in_child=_reset_after_fork)
