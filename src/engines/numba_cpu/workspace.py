"""Reused buffers for the tape: allocating fresh memory takes longer than the kernels need to fill it."""

import math
import os
import threading

import numpy as np

#: Alignment of the arrays, in bytes.
ALIGNMENT = 64
#: Number of free buffers that are kept.
MAX_FREE = 4
_free: list[np.ndarray] = []
#: Lock of `_free`; reentrant, since a garbage collection under the lock may delete a workspace.
_lock = threading.RLock()


class Workspace:
    """Uninitialised arrays in one buffer, which is returned for reuse when the workspace is deleted.

    Args:
        dtype: of all arrays.
        shapes: one per array.
    """

    def __init__(self, dtype: np.dtype, shapes: list[tuple[int, ...]]) -> None:
        starts, end = [], 0
        for shape in shapes:
            starts.append(end)
            end += -(-math.prod(shape) * dtype.itemsize // ALIGNMENT) * ALIGNMENT
        self.buffer = _take(end)
        self.arrays = [
            np.ndarray(shape, dtype, self.buffer, start) for shape, start in zip(shapes, starts, strict=True)
        ]

    def __del__(self) -> None:
        buffer = getattr(self, "buffer", None)  # absent after a MemoryError
        if buffer is not None:
            with _lock:
                if len(_free) < MAX_FREE:
                    _free.append(buffer)


def _take(size: int) -> np.ndarray:
    with _lock:
        fitting = [buffer for buffer in _free if buffer.nbytes >= size]
        if fitting:
            best = min(fitting, key=lambda buffer: buffer.nbytes)
            _free[:] = [buffer for buffer in _free if buffer is not best]
            return best
        if _free:  # later requests will be as large: drop the smallest
            smallest = min(_free, key=lambda buffer: buffer.nbytes)
            _free[:] = [buffer for buffer in _free if buffer is not smallest]
    whole = np.empty((1 << max(size, 1).bit_length()) + ALIGNMENT, np.uint8)
    return whole[-whole.ctypes.data % ALIGNMENT :][: whole.nbytes - ALIGNMENT]


def _reset_after_fork() -> None:
    """A new lock for a forked child: a thread of the parent may have held the old one."""
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_reset_after_fork)
