"""Vectors in registers: compiled and in Python, where they are arrays of numpy."""

import math

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from src.engines.numba_cpu import numerics
from src.engines.numba_cpu.lanes import (
    LANES,
    choose,
    counting,
    largest_of,
    load,
    root,
    spread,
    store,
    total,
    within,
)
from src.engines.numba_cpu.routine import routine
from tests.engines.numba_cpu.from_python import from_python
from tests.engines.numba_cpu.memory_cases import TOLERANCES, drawn, each_dtype, near

#: Functions of two vectors and a number.
FUNCTIONS = {
    "sum": lambda a, b, x: a + b,
    "difference": lambda a, b, x: a - b,
    "product": lambda a, b, x: a * b,
    "quotient": lambda a, b, x: a / b,
    "with a number": lambda a, b, x: x - (a * x + x) / x,
    "spread": lambda a, b, x: spread(x),
    "counting": lambda a, b, x: counting(x),
    "within": lambda a, b, x: within(a, 32, 37, x),
    "all within": lambda a, b, x: within(a, 0, 1000, x),
    "none within": lambda a, b, x: within(a, 16, 16, x),
    "smaller": lambda a, b, x: choose(a, b, a, b),
    "choice of numbers": lambda a, b, x: choose(a, x, x, b),
    "root": lambda a, b, x: root(a * a),
    "exponential": lambda a, b, x: numerics.exp(a),
    "logarithm": lambda a, b, x: numerics.log(a * a),
    "total": lambda a, b, x: spread(total(a)),
    "largest": lambda a, b, x: spread(largest_of(a)),
}


@each_dtype
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, dtype, rng):
    """Of the second vector of an array; the results are stored behind it, and the rest is kept."""
    function = routine(FUNCTIONS[name])

    @from_python
    @routine
    def compiled(a, b, x, out):
        store(out, 5, function(load(a, LANES), load(b, LANES), x))

    a, b, x = drawn(rng, dtype, 3 * LANES), drawn(rng, dtype, 3 * LANES), dtype(0.75)
    out = np.full(LANES + 9, 7, dtype)
    compiled(a, b, x, out)
    expected = FUNCTIONS[name](load(a, LANES), load(b, LANES), x)
    assert expected.dtype == dtype
    near(out[5:-4], expected.astype(np.float64), 10 * TOLERANCES[dtype][0])
    assert (out[[0, 4, -4, -1]] == 7).all()


@each_dtype
def test_updates_in_place(dtype, rng):
    @from_python
    @routine
    def compiled(a, out):
        v = load(a, 0)
        v += load(a, LANES)
        v *= load(a, 0)
        v -= load(a, LANES)
        store(out, 0, v)

    a, out = drawn(rng, dtype, 2 * LANES), np.empty(LANES, dtype)
    compiled(a, out)
    first, second = a[:LANES].astype(np.float64), a[LANES:].astype(np.float64)
    near(out, (first + second) * first - second, TOLERANCES[dtype][0])


@each_dtype
def test_not_a_number(dtype):
    """It passes all functions but the maximum, and a comparison with it is false."""
    bad = np.full(LANES, np.nan, dtype)

    @from_python
    @routine
    def compiled(bad, out):
        v = load(bad, 0)
        store(out, 0, choose(v, v, spread(numerics.like(v, 0.0)), numerics.exp(v) + numerics.log(v)))
        out[0] = total(v)

    out = np.zeros(LANES, dtype)
    compiled(bad, out)
    assert np.isnan(out).all()


def test_a_number_of_another_dtype_is_refused():
    @njit
    def mixed(a, x):
        return total(load(a, 0) * x)

    @from_python
    @routine
    def call(a, x):
        return mixed(a, x)

    with pytest.raises(TypingError):
        call(np.ones(LANES, np.float32), 0.5)


@pytest.mark.parametrize("n", [-1, 1, LANES])
def test_python_checks_bounds(n):
    for access in (load, lambda a, n: store(a, n, a)):
        with pytest.raises(IndexError, match=rf"^{n} to {n + LANES} of {LANES}$"):
            access(np.zeros(LANES), n)
    assert not math.isnan(total(load(np.zeros(LANES), 0)))
