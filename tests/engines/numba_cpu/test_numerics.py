"""Exponential, logarithm and functions built of them: against extended precision, and at their limits."""

import numpy as np
import pytest
import torch
from numba import njit, types

from src.engines.numba_cpu import numerics
from src.engines.numba_cpu.routine import routine
from tests.engines.numba_cpu.from_python import from_python

#: Relative tolerance: two or three units in the last place.
RELATIVE = {np.float32: 3e-7, np.float64: 1e-14}
each_dtype = pytest.mark.parametrize("dtype", RELATIVE)
NAN, INF = float("nan"), float("inf")


def over(function):
    """A function applied to an array, in a loop compiled as in the engine."""

    @from_python
    @routine
    def loop(xs, out):
        for n in range(xs.shape[0]):
            out[n] = function(xs[n])

    def apply(xs):
        out = np.empty_like(xs)
        loop(xs, out)
        return out

    return apply


NAMES = ("exp", "log", "sigmoid", "tanh", "softplus", "softplus_slope")
exp, log, sigmoid, tanh, softplus, softplus_slope = (over(getattr(numerics, name)) for name in NAMES)


def everywhere(dtype):
    """Numbers of both signs, of magnitudes from 1e-8 to 80."""
    sizes = np.concatenate([np.geomspace(1e-8, 5.0, 20_001), np.linspace(0.0, 80.0, 20_001)])
    return np.concatenate([-sizes[::-1], sizes]).astype(dtype)


def error(got, true):
    """The largest difference, relative to the value if that is above 1."""
    return np.max(np.abs(got - true) / np.maximum(np.abs(true), 1.0))


def relative_error(got, true):
    return np.max(np.abs(got - true) / np.abs(true))


@each_dtype
def test_exp(dtype):
    x = np.linspace(-87.0, 88.0, 100_003).astype(dtype)
    assert relative_error(exp(x), np.exp(x.astype(np.longdouble))) < RELATIVE[dtype]
    assert (exp(np.zeros(17, dtype)) == 1).all()


def test_exp_out_of_range():
    """The result is clamped to e^-87 and e^88 in float32, and to 0 and infinity in float64."""
    below, above = np.full(17, -1000.0), np.full(17, 1000.0)
    for far in (1.0, INF):
        assert (exp((below * far).astype(np.float32)) == exp(np.full(17, -87, np.float32))).all()
        assert (exp((above * far).astype(np.float32)) == exp(np.full(17, 88, np.float32))).all()
        assert (exp(below * far) == 0).all()
        assert (exp(above * far) == INF).all()


@each_dtype
def test_log(dtype):
    x = np.geomspace(np.finfo(dtype).tiny, 1.13e38, 100_003).astype(dtype)
    x = np.concatenate([x[x != 1], 1 + np.linspace(1e-6, 1.0, 20_001), 1 - np.linspace(1e-6, 0.5, 20_001)])
    x = x.astype(dtype)
    assert relative_error(log(x), np.log(x.astype(np.longdouble))) < RELATIVE[dtype]
    assert (log(np.ones(17, dtype)) == 0).all()


@each_dtype
@pytest.mark.parametrize("function", [sigmoid, softplus_slope], ids=["sigmoid", "softplus_slope"])
def test_sigmoid(function, dtype):
    x = everywhere(dtype)
    true = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    if function is softplus_slope:
        true = np.where(x > 20, 1.0, true)
    assert relative_error(function(x), true) < RELATIVE[dtype]


@each_dtype
def test_tanh(dtype):
    x = everywhere(dtype)
    assert error(tanh(x), np.tanh(x.astype(np.longdouble))) < RELATIVE[dtype]
    assert (tanh(np.zeros(17, dtype)) == 0).all()


@each_dtype
def test_softplus(dtype):
    x = everywhere(dtype)
    true = x.astype(np.longdouble)
    assert error(softplus(x), np.where(x > 20, true, np.log1p(np.exp(true)))) < RELATIVE[dtype]
    assert (softplus(x) >= 0).all()


def test_softplus_equals_torch():
    x = everywhere(np.float64)
    at = torch.from_numpy(x).requires_grad_()
    y = torch.nn.functional.softplus(at)
    (slope,) = torch.autograd.grad(y.sum(), at)
    np.testing.assert_allclose(softplus(x), y.detach().numpy(), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(softplus_slope(x), slope.numpy(), rtol=1e-14, atol=1e-14)


def test_softplus_is_the_identity_above_20():
    above = np.nextafter(20.0, 21.0)
    one, slope = from_python(numerics.softplus), from_python(numerics.softplus_slope)
    assert one(20.0) == pytest.approx(20 + np.exp(-20.0), abs=1e-14) != 20.0
    assert slope(20.0) == pytest.approx(1 - np.exp(-20.0), abs=1e-14) != 1.0
    for x in (above, 1e3, 1e300):
        assert one(x) == x
        assert slope(x) == 1.0


@each_dtype
@pytest.mark.parametrize("name", NAMES)
def test_nan_propagates(name, dtype):
    """At every index of a loop, in its vectorised part and its remainder."""
    function = globals()[name]
    for n in range(37):
        x = np.full(37, 0.5, dtype)
        x[n] = NAN
        assert np.isnan(function(x)[n])
        assert np.isfinite(np.delete(function(x), n)).all()


@each_dtype
@pytest.mark.parametrize(
    ("name", "x", "limit"),
    [
        ("log", INF, INF),
        ("softplus", INF, INF),
        ("softplus", -INF, 0.0),
        ("softplus_slope", INF, 1.0),
        ("softplus_slope", -INF, 0.0),
        ("sigmoid", INF, 1.0),
        ("sigmoid", -INF, 0.0),
        ("tanh", INF, 1.0),
        ("tanh", -INF, -1.0),
    ],
)
def test_infinity(name, x, limit, dtype):
    """A finite limit is reached; an infinite one gives infinity or NaN."""
    got = globals()[name](np.full(17, x, dtype))
    if np.isfinite(limit):
        np.testing.assert_allclose(got, limit, rtol=0, atol=1e-37)
    else:
        assert not np.isfinite(got).any()


@njit
def a_tenth(x):
    return numerics.like(x, 0.1)


@njit
def e_to(x):
    return numerics.exp(x)


@njit
def log_of(x):
    return numerics.log(x)


@pytest.mark.parametrize(
    "function", [a_tenth, e_to, log_of, *(getattr(numerics, name) for name in NAMES[2:])], ids=["like", *NAMES]
)
def test_numbers_keep_their_type(function):
    """One float64 in a loop of float32 would halve the speed."""
    for dtype, number in ((np.float32, types.float32), (np.float64, types.float64)):
        from_python(function)(dtype(0.5))
        assert function.overloads[(number,)].signature.return_type == number


def test_like():
    assert a_tenth(np.float64(3.0)) == 0.1
    assert a_tenth(np.float32(3.0)) == float(np.float32(0.1)) != 0.1
    assert numerics.like(3.0, 0.1) == 0.1


def test_interpreted():
    """As with NUMBA_DISABLE_JIT=1."""
    assert numerics.exp(1.0) == np.e
    assert numerics.log(np.e) == 1.0
