"""The number of threads of the kernels, and of torch between two calls of them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

#: Number of threads of the kernels within `kernel_threads`; None: as many as torch has.
_threads: int | None = None
#: Number of callers within `kernel_threads`.
_users = 0
#: Lock of `_threads` and `_users`.
_threads_lock = threading.Lock()


def thread_count() -> int:
    """The number of threads of the kernels."""
    return _threads or torch.get_num_threads()


def _reset_after_fork() -> None:
    """A new lock for a forked child: a thread of the parent may have held the old one."""
    global _threads_lock
    _threads_lock = threading.Lock()


os.register_at_fork(after_in_child=_reset_after_fork)


@contextmanager
def kernel_threads() -> Iterator[None]:
    """A context in which the kernels use all threads of torch, and torch itself uses one.

    Torch has little to compute between two calls of the kernels, and the spinning threads of two pools would slow
    each other down on the same cores. Several Python threads may be in this context at the same time.
    """
    global _threads, _users
    with _threads_lock:
        before = _threads = torch.get_num_threads() if _threads is None else _threads
        _users += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _threads_lock:
            _users -= 1
            _threads = _threads if _users else None
            torch.set_num_threads(before)
