"""Writing, forward and backward: against `src.memory.access.erase_and_add` and its gradients."""

import numpy as np
import pytest
import torch

from src.engines.numba_cpu import write as routines
from src.memory import access
from tests.engines.numba_cpu.from_python import all_of
from tests.engines.numba_cpu.memory_cases import (
    TOLERANCES,
    drawn,
    each_dtype,
    each_slots,
    each_words,
    focused,
    leaf,
    near,
    wide,
)

fused = all_of(routines)


#: Changes to a memory [M, N], weightings [W, N] and erase vectors [W, M].
WRITES = {
    "usual": lambda memory, w, erase: (memory, w, erase),
    "empty memory": lambda memory, w, erase: (0 * memory, w, erase),
    "wholly erased": lambda memory, w, erase: (memory, np.eye(*w.shape, dtype=w.dtype), 0 * erase + 1),
    "by all heads at one place": lambda memory, w, erase: (memory, np.eye(*w.shape)[[0] * len(w)], 0 * erase + 1),
    "nothing erased": lambda memory, w, erase: (memory, w, 0 * erase),
    "nowhere": lambda memory, w, erase: (memory, 0 * w, erase),
}


@each_dtype
@each_slots
@each_words
@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("case", WRITES)
def test_write(case, heads, words, slots, dtype, rng):
    value, slope = TOLERANCES[dtype]
    erase = torch.rand(heads, words, generator=rng).numpy()
    given = WRITES[case](drawn(rng, dtype, words, slots), focused(rng, dtype, heads, slots), erase)
    memory, w, erase = (np.ascontiguousarray(one, dtype) for one in given)
    add = drawn(rng, dtype, heads, words)
    leaves = leaf(memory.T), leaf(w), leaf(erase), leaf(add)
    expected = access.erase_and_add(*leaves)
    memory, w = wide(memory), wide(w)
    after, in_place = np.full_like(memory, np.nan), memory.copy()
    fused.write(memory, w, erase, add, after)
    fused.write(in_place, w, erase, add, in_place)
    near(after[:, :slots], expected[0].T, value)
    assert not after[:, slots:].any()
    assert (after == in_place).all()

    dmemory = drawn(rng, dtype, words, slots)
    answers = torch.autograd.grad(expected, leaves, torch.from_numpy(dmemory.T[None]).double())
    dmemory, dw = wide(dmemory), wide(drawn(rng, dtype, heads, slots))
    before, unchanged = dw.copy(), memory.copy()
    derase, dadd = np.full((heads, words), np.nan, dtype), np.full((heads, words), np.nan, dtype)
    fused.write_backward(memory, w, erase, add, dmemory, dw, derase, dadd)
    near(dmemory[:, :slots], answers[0][0].T, slope)
    near(dw[:, :slots], before[:, :slots] + answers[1][0].numpy(), slope)
    near(derase, answers[2][0], slope)
    near(dadd, answers[3][0], slope)
    assert (memory == unchanged).all()


@each_dtype
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("place", range(4))
def test_writing_propagates_nan(place, heads, dtype):
    parts = [np.ones(shape, dtype) for shape in ((5, 9), (heads, 9), (heads, 5), (heads, 5))]
    parts[place][-1, -1] = np.nan
    memory, w, erase, add = wide(parts[0]), wide(parts[1]), *parts[2:]
    fused.write(memory, w, erase, add, memory)
    assert np.isnan(memory[-1, 8])
