"""Inner product and softmax of arrays, padded ones too."""

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
    wide,
)

fused = all_of(vectors)


@each_dtype
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 23, 127])
def test_softmax(count, dtype, rng):
    for size in (1.0, 30.0, 1e4):
        z = size * drawn(rng, dtype, count)
        for n in (0, *range(1, count, 5)):  # the maximum at other indices
            turned = np.roll(z, n)
            expected = torch.from_numpy(turned.astype(np.float64)).softmax(0)
            padded = wide(turned, rest=1e6)  # not read
            fused.softmax_of_first(padded, count)
            fused.softmax(turned)
            near(turned, expected, TOLERANCES[dtype][0])
            near(padded[:count], expected, TOLERANCES[dtype][0])
            assert not padded[count:].any()


@each_dtype
@pytest.mark.parametrize("count", [1, 15, 16, 17, 127])
def test_inner_products(count, dtype, rng):
    a, b = drawn(rng, dtype, count), drawn(rng, dtype, count)
    expected = pytest.approx(float(a.astype(np.float64) @ b), rel=TOLERANCES[dtype][0], abs=TOLERANCES[dtype][0])
    assert fused.dot(a, b) == expected
    assert fused.inner(wide(a), wide(b, rest=1e3)) == expected


@each_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("count", [1, 7, 8, 19])
def test_softmax_of_non_finite_values_is_nan_everywhere(count, bad, dtype):
    for n in range(count):
        z = np.zeros(count, dtype)
        z[n] = bad
        padded = wide(z)
        fused.softmax(z)
        fused.softmax_of_first(padded, count)
        assert np.isnan(z).all()
        assert np.isnan(padded[:count]).all()
