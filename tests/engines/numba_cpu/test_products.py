"""Matrix products in vector registers: against numpy, for every partition of rows and columns into blocks."""

import numpy as np
import pytest

from src.engines.numba_cpu import products
from src.engines.numba_cpu.plan import LANES, padded
from src.engines.numba_cpu.routine import routine
from src.engines.numba_cpu.views import flipped
from tests.engines.numba_cpu.from_python import from_python

accumulate = from_python(products.accumulate)


@from_python
@routine
def accumulate_flipped(out, a, start, w):
    products.accumulate(out, flipped(a), start, w)


TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("columns", [16, 32, 64, 80, 112, 128, 400])
@pytest.mark.parametrize("rows", range(1, 10))
def test_accumulate(rows, columns, dtype):
    """Guard values around the arrays detect access out of bounds: NaN in the inputs, 7 in the output."""
    random = np.random.default_rng(rows * columns)
    for steps in (1, 2, 3, 16, 33, 120):
        for start in (0, 1, 5):
            w = np.full((steps + 2, columns), np.nan, dtype)
            a = np.full((rows + 2, start + steps + 3), np.nan, dtype)
            out = np.full((rows + 2, columns), 7.0, dtype)
            w[1:-1] = random.standard_normal((steps, columns))
            a[1:-1, start : start + steps] = random.standard_normal((rows, steps))
            out[1:-1] = random.standard_normal((rows, columns))
            before, expected = out[1:-1].copy(), out.astype(np.float64)
            expected[1:-1] += a[1:-1, start : start + steps].astype(np.float64) @ w[1:-1].astype(np.float64)
            accumulate(out[1:-1], a[1:-1], start, w[1:-1])
            np.testing.assert_allclose(out, expected, rtol=0, atol=TOLERANCE[dtype] * steps)
            out[1:-1], columns_of_a = before, np.ascontiguousarray(a[1:-1].T)
            accumulate_flipped(out[1:-1], columns_of_a, start, w[1:-1])
            np.testing.assert_allclose(out, expected, rtol=0, atol=TOLERANCE[dtype] * steps)
            assert (out[[0, -1]] == 7).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_rows_need_no_alignment(dtype):
    """The rows of one call may begin at any address."""
    random = np.random.default_rng(0)
    for gap in range(5):
        w, a, out = (random.standard_normal(gap + m * n).astype(dtype) for m, n in ((6, 48), (7, 6), (7, 48)))
        w, a, out = w[gap:].reshape(6, 48), a[gap:].reshape(7, 6), out[gap:].reshape(7, 48)
        expected = out + a @ w
        accumulate(out, a, 0, w)
        np.testing.assert_allclose(out, expected, rtol=0, atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_values_propagate(bad, dtype):
    for row in range(5):
        a = np.ones((5, 3), dtype)
        a[row, 1] = bad
        out = np.zeros((5, 80), dtype)
        accumulate(out, a, 0, np.ones((3, 80), dtype))
        assert not np.isfinite(out[row]).any()
        assert (np.delete(out, row, 0) == 3).all()


def test_padded():
    assert [padded(columns) for columns in (0, 1, LANES, LANES + 1)] == [0, LANES, LANES, 2 * LANES]
