"""Reading, forward and backward: against `src.memory.access.read` and its gradients."""

import numpy as np
import torch

from src.engines.numba_cpu import read as routines
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


@each_dtype
@each_slots
@each_words
def test_sums(words, slots, dtype, rng):
    """The routines add to their output."""
    value, _ = TOLERANCES[dtype]
    memory, key = wide(drawn(rng, dtype, words, slots)), drawn(rng, dtype, words)
    w = wide(drawn(rng, dtype, slots))
    for function, first, expected in (
        (fused.along_words, key, key @ memory),
        (fused.along_slots, w, memory @ w),
    ):
        out = drawn(rng, dtype, *expected.shape)
        before = out.copy()
        function(memory, first, out)
        near(out, before + expected, 4 * value)
    before = memory.copy()
    fused.add_outer(key, w, memory)
    near(memory, before + np.outer(key, w), value)


@each_slots
@each_words
def test_read(words, slots, rng):
    """A read is `along_slots`; its backward uses `along_words` and `add_outer`."""
    memory, w = drawn(rng, np.float64, words, slots), focused(rng, np.float64, 1, slots)
    leaves = leaf(memory.T), leaf(w)
    expected = access.read(*leaves)
    memory, w = wide(memory), wide(w)
    out, dout = np.zeros(words), drawn(rng, np.float64, words)
    fused.along_slots(memory, w[0], out)
    near(out, expected[0, 0], 1e-12)
    dmemory, dw = torch.autograd.grad(expected, leaves, torch.from_numpy(dout[None, None]))
    found_dmemory, found_dw = np.zeros_like(memory), np.zeros(memory.shape[1])
    fused.along_words(memory, dout, found_dw)
    fused.add_outer(dout, w[0], found_dmemory)
    near(found_dw[:slots], dw[0, 0], 1e-12)
    near(found_dmemory[:, :slots], dmemory[0].T, 1e-12)
