"""Rows of a batch on several threads; the kernels let go of Python's lock."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

#: Rows that go through all steps together: what they work on then stays in the cache.
ROWS = 16
#: The pool and the process it belongs to: threads do not survive a fork.
_pool: tuple[int, int, ThreadPoolExecutor] | None = None


def over_rows(call: Callable[[int, int], None], rows: int, threads: int) -> None:
    """call(first, last) for parts of the rows 0..rows-1, on so many threads."""
    global _pool
    threads = min(threads, rows)
    parts = threads * -(-rows // (threads * ROWS))
    edges = [rows * i // parts for i in range(parts + 1)]
    spans = list(itertools.pairwise(edges))
    if threads == 1:
        for first, last in spans:
            call(first, last)
        return
    if _pool is None or _pool[:2] != (os.getpid(), threads):
        _pool = (os.getpid(), threads, ThreadPoolExecutor(threads - 1))
    # This thread takes its share too, so that no core waits.
    mine, others = spans[::threads], [span for i, span in enumerate(spans) if i % threads]
    jobs = [_pool[2].submit(call, first, last) for first, last in others]
    try:
        for first, last in mine:
            call(first, last)
    finally:  # nobody may still be at work on arrays that the caller lets go
        wait(jobs)
    for job in jobs:
        job.result()
