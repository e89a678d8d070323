"""Denormal numbers are zero between `flush` and `restore` alone."""

import numpy as np
import pytest
from numba import njit

from src.engines.numba_cpu import denormals


@njit
def halves(x):
    """x / 2 before, between and after `flush` and `restore`."""
    before = x[0] / x.dtype.type(2)
    word = denormals.flush()
    between = x[0] / x.dtype.type(2)
    denormals.restore(word)
    return before, between, x[0] / x.dtype.type(2)


@pytest.mark.skipif(not denormals.X86, reason="needs the control register of x86")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_denormals_are_zero_after_flush(dtype):
    smallest = np.finfo(dtype).tiny
    before, between, after = halves(np.array([smallest], dtype))
    assert before == after == smallest / 2 != 0
    assert between == 0
    _, between, _ = halves(np.array([2 * smallest], dtype))
    assert between == smallest


def test_no_effect_when_interpreted():
    assert denormals.restore(denormals.flush()) is None
