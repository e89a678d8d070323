"""Reused buffers: aligned arrays that do not overlap, and reuse after deletion."""

import gc
import itertools
import sys

import numpy as np
import pytest

from src.engines.numba_cpu import workspace
from src.engines.numba_cpu.workspace import ALIGNMENT, MAX_FREE, Workspace

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
SHAPES = [(3, 5), (1,), (7, 0, 2), (2, 3, 4, 5), (), (64,), (1, 17)]


@pytest.fixture(autouse=True)
def _no_free_buffers(monkeypatch):
    monkeypatch.setattr(workspace, "_free", [])


def address(work):
    return work.buffer.ctypes.data


def free_sizes():
    return sorted(buffer.nbytes for buffer in workspace._free)


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("shapes", [SHAPES, SHAPES[::-1], [(5,)], [(0,)], []], ids=len)
def test_arrays(shapes, dtype):
    work = Workspace(dtype, shapes)
    assert [array.shape for array in work.arrays] == shapes
    for array in work.arrays:
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.size == 0 or array.ctypes.data % ALIGNMENT == 0


@pytest.mark.parametrize("dtype", [F32, F64])
def test_arrays_do_not_overlap(dtype):
    """Nor with those of another workspace."""
    arrays = [*(first := Workspace(dtype, SHAPES)).arrays, *(second := Workspace(dtype, SHAPES)).arrays]
    for number, array in enumerate(arrays):
        array[...] = number
    for number, array in enumerate(arrays):
        assert (array == number).all()
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(arrays, 2))
    assert address(first) != address(second)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 1023, 1024, 1025])
def test_arrays_lie_within_the_buffer(size):
    work = Workspace(F32, [(size,), (size,)])
    end = address(work) + work.buffer.nbytes
    for array in work.arrays:
        assert address(work) <= array.ctypes.data
        assert array.ctypes.data + array.nbytes <= end


def test_a_buffer_is_reused_after_deletion():
    work = Workspace(F32, [(100, 10)])
    before = address(work)
    del work
    for shapes in ([(100, 10)], [(10,), (9, 99)], []):
        again = Workspace(F32, shapes)
        assert address(again) == before
        assert free_sizes() == []
        del again
    assert address(Workspace(F64, [(500,)])) == before


def test_a_buffer_in_use_is_not_reused():
    works = [Workspace(F32, [(100,)]) for _ in range(MAX_FREE + 2)]
    assert len({address(work) for work in works}) == MAX_FREE + 2


def test_the_smallest_sufficient_buffer_is_reused():
    works = [Workspace(F32, [(size,)]) for size in (10, 1000, 100_000)]
    at = [address(work) for work in works]
    works.clear()
    assert address(Workspace(F32, [(900,)])) == at[1]
    assert address(Workspace(F32, [(3,)])) == at[0]
    assert address(Workspace(F32, [(2000,)])) == at[2]


def test_growth():
    """A buffer that is too small is replaced by a larger one, which is then reused."""
    for length in range(1, 400, 7):
        work = Workspace(F32, [(length, 33)])
        work.arrays[0][...] = 1.0
        assert work.buffer.nbytes >= length * 33 * 4
        del work
        assert len(free_sizes()) == 1
    (largest,) = free_sizes()
    assert largest < 4 * 400 * 33 * 4
    before = address(Workspace(F32, [(400, 33)]))
    assert {address(Workspace(F32, [(length, 33)])) for length in range(1, 400, 7)} == {before}


def test_the_number_of_free_buffers_is_bounded():
    works = [Workspace(F32, [(100,)]) for _ in range(3 * MAX_FREE)]
    works.clear()
    gc.collect()
    assert len(free_sizes()) == MAX_FREE


def test_arrays_are_valid_after_the_workspace_is_deleted():
    array = Workspace(F32, [(1000,)]).arrays[0]
    workspace._free.clear()
    gc.collect()
    array[...] = 3.0
    assert array.sum() == 3000


def test_too_large_a_request_is_one_memory_error(monkeypatch):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with pytest.raises(MemoryError):
        Workspace(F64, [(1 << 56,)])
    gc.collect()
    assert ignored == []
