"""Scratch buffers that are used again: fresh memory costs more than the work that is done in it."""

import math
import os
import threading

import numpy as np

#: Bytes that arrays begin at a multiple of.
ALIGNMENT = 64
#: Buffers kept for later.
KEPT = 4
_free: list[np.ndarray] = []
#: Of `_free`. A garbage collection within may drop a workspace of the same thread, so it lets that in again.
_lock = threading.RLock()


class Workspace:
    """Arrays in one borrowed buffer, which goes back when this is dropped.

    Args:
        dtype: of all arrays.
        shapes: one an array; they are not filled.
    """

    def __init__(self, dtype: np.dtype, shapes: list[tuple[int, ...]]) -> None:
        sizes = [-(-math.prod(shape) * dtype.itemsize // ALIGNMENT) * ALIGNMENT for shape in shapes]
        self.buffer = _lend(sum(sizes))
        starts = np.cumsum([0, *sizes])
        self.arrays = [
            self.buffer[start : start + math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
            for start, shape in zip(starts, shapes, strict=False)
        ]

    def __del__(self) -> None:
        buffer = getattr(self, "buffer", None)  # none, where there was not enough memory
        if buffer is not None:
            with _lock:
                if len(_free) < KEPT:
                    _free.append(buffer)


def _lend(size: int) -> np.ndarray:
    with _lock:
        fitting = [buffer for buffer in _free if buffer.nbytes >= size]
        if fitting:
            best = min(fitting, key=lambda buffer: buffer.nbytes)
            _free[:] = [buffer for buffer in _free if buffer is not best]
            return best
        if _free:  # the next ones will be as large: let the smallest go
            smallest = min(_free, key=lambda buffer: buffer.nbytes)
            _free[:] = [buffer for buffer in _free if buffer is not smallest]
    whole = np.empty((1 << max(size, 1).bit_length()) + ALIGNMENT, np.uint8)
    return whole[-whole.ctypes.data % ALIGNMENT :][: whole.nbytes - ALIGNMENT]


def _reset_after_fork() -> None:
    """Of a fork, the child has a lock of its own: another thread of the parent may have had this one."""
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_reset_after_fork)
