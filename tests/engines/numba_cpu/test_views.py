"""Views of arrays and bundles without reference counting."""

from typing import NamedTuple

import numpy as np
import pytest
from jaxtyping import Float
from numba import njit, types
from numba.core.errors import TypingError
from numba.core.registry import cpu_target

from src.engines.numba_cpu.views import View, at, flipped, keep_alive, span, uncounted


class Inner(NamedTuple):
    vector: Float[np.ndarray, "N"]
    number: float


class Outer(NamedTuple):
    count: int
    matrix: Float[np.ndarray, "M N"]
    inner: Inner


@njit
def through_views(bundle):
    """Reads and writes through views of a bundle that is allocated here."""
    owned = Outer(bundle.count, bundle.matrix.copy(), Inner(bundle.inner.vector.copy(), bundle.inner.number))
    seen = uncounted(owned)
    row = at(seen.matrix, seen.count)
    part = span(row, 1, 2)
    part[0] += seen.inner.number
    seen.inner.vector[0] = row.shape[0]
    span(seen.matrix, 0, 1)[0, 0] = -1.0
    keep_alive(owned)
    return owned.matrix, owned.inner.vector


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_writes_through_views(dtype):
    matrix, vector = np.arange(12, dtype=dtype).reshape(3, 4), np.zeros(2, dtype)
    found = through_views(Outer(2, matrix, Inner(vector, dtype(0.5))))
    expected = matrix.copy()
    expected[2, 1] += 0.5
    expected[0, 0] = -1
    assert (found[0] == expected).all()
    assert found[1].tolist() == [4, 0]
    assert found[0].dtype == dtype


def test_a_view_has_no_reference_count():
    """Nor has a bundle of views, so that passing it costs nothing."""
    models = cpu_target.target_context.data_model_manager
    bundle = types.NamedTuple([View(types.float32, 1), types.intp, View(types.float64, 3)], Outer)
    for kind in (View(types.float32, 1), View(types.float64, 4), bundle):
        assert not models[kind].contains_nrt_meminfo()
    assert models[types.Array(types.float32, 1, "C")].contains_nrt_meminfo()


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, 5), (4, 1), (2, -1)])
def test_interpreted_views_check_bounds(start, count):
    with pytest.raises(IndexError, match=rf"{start} to {start + count} of 4"):
        span(np.zeros(4), start, count)


def test_a_flipped_view_is_for_products_alone():
    @njit
    def element(a):
        return flipped(uncounted(a))[0, 0]

    with pytest.raises(TypingError):
        element(np.zeros((2, 3)))


def test_interpreted_views_are_slices():
    bundle = Outer(1, np.arange(6.0).reshape(2, 3), Inner(np.zeros(2), 1.0))
    assert at(bundle.matrix, 1).tolist() == [3, 4, 5]
    assert span(bundle.matrix, 1, 1).tolist() == [[3, 4, 5]]
    assert uncounted(bundle) is bundle
    assert keep_alive(bundle) is None
