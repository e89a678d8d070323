"""Rows of a batch on several threads; the kernels let go of Python's lock."""

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
#: The crew and the process it belongs to: threads do not survive a fork.
_crew: "tuple[int, list[Mate]]" = (-1, [])


class Mate(threading.Thread):
    """A thread that does one job after another, and looks out for the next for a while before it sleeps.

    Args:
        changes: `src.fused.waiting.changes`.
    """

    def __init__(self, changes: Callable[[np.ndarray, int, int], bool]) -> None:
        super().__init__(daemon=True, name="fused")
        self.changes = changes
        self.job: Callable[[], None] = lambda: None
        self.error: BaseException | None = None
        self.posted = np.zeros(1, np.int64)
        self.done = np.zeros(1, np.int64)
        self.bed = threading.Condition()

    def run(self) -> None:
        for known in itertools.count():
            if not self.changes(self.posted, known, TURNS):
                with self.bed:
                    while self.posted[0] == known:
                        self.bed.wait()
            try:
                self.job()
            except BaseException as error:  # the caller raises it, see `finish`
                self.error = error
            self.done[0] = known + 1

    def post(self, job: Callable[[], None]) -> None:
        """Have a job done; the one before must be finished."""
        self.job, self.error = job, None
        with self.bed:
            self.posted[0] += 1
            self.bed.notify()

    def finish(self) -> BaseException | None:
        """Wait until the job is done; returns what it raised."""
        target = int(self.posted[0])
        while self.done[0] != target:
            self.changes(self.done, target - 1, TURNS)
        return self.error


def over_rows(call: Callable[[int, int, int], Any], rows: int, threads: int) -> None:
    """call(thread, first, last) for parts of the rows 0..rows-1, on the threads 0..threads-1."""
    threads = min(threads, rows)
    parts = threads * -(-rows // (threads * ROWS))
    edges = [rows * i // parts for i in range(parts + 1)]
    spans = list(itertools.pairwise(edges))

    def share(i: int) -> None:
        for first, last in spans[i::threads]:
            call(i, first, last)

    mates = _mates(threads - 1)
    for i, mate in enumerate(mates):
        mate.post(lambda i=i: share(i + 1))  # type: ignore[misc]
    try:
        share(0)  # this thread takes its share too
    finally:  # nobody may still be at work on arrays that the caller lets go
        errors = [mate.finish() for mate in mates]
    for error in errors:
        if error is not None:
            raise error


def _mates(count: int) -> list[Mate]:
    """So many threads of this process."""
    global _crew
    if _crew[0] != os.getpid():
        _crew = (os.getpid(), [])
    mates = _crew[1]
    while len(mates) < count:
        from src.fused.waiting import changes

        mates.append(Mate(changes))
        mates[-1].start()
    return mates[:count]
