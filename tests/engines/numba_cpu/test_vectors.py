"""Inner product, maximum and softmax of vectors."""

import numpy as np
import pytest
import torch

from src.engines.numba_cpu import vectors
from tests.engines.numba_cpu.from_python import all_of
from tests.engines.numba_cpu.memory_cases import (
    TOLERANCES,
    drawn,
    each_dtype,
    near,
)

fused = all_of(vectors)


@each_dtype
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 23, 127])
def test_softmax_and_largest(count, dtype, rng):
    for size in (1.0, 30.0, 1e4):
        z = size * drawn(rng, dtype, count)
        for n in range(count):  # the maximum at every index
            turned = np.roll(z, n)
            assert fused.largest(turned) == turned.max()
        expected = torch.from_numpy(z.astype(np.float64)).softmax(0)
        fused.softmax(z)
        near(z, expected, TOLERANCES[dtype][0])


@each_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("count", [1, 7, 8, 19])
def test_softmax_of_non_finite_values_is_nan_everywhere(count, bad, dtype):
    for n in range(count):
        z = np.zeros(count, dtype)
        z[n] = bad
        fused.softmax(z)
        assert np.isnan(z).all()
