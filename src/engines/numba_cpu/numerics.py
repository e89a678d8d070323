"""Exponential, logarithm and functions built of them, in a form that compiles to vector instructions.

In float32 they are polynomials, accurate to a few units in the last place; in float64, which serves to test the
equations, they are those of the C library. NaN and infinity propagate, so that a diverged run is detected.
"""

import math

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .routine import exact, routine


def exp(x):
    """e^x in the type of x; at least 1e-38 in float32."""
    return math.exp(x)


def log(x):
    """The natural logarithm of a normal positive number, in float32 below 1e38."""
    return math.log(x)


@intrinsic
def _float_bits(_, x):
    """The bits of a float32, as an int32."""
    return types.int32(types.float32), lambda context, builder, signature, args: builder.bitcast(
        args[0], ir.IntType(32)
    )


@intrinsic
def _bits_float(_, x):
    """The float32 of an int32's bits."""
    return types.float32(types.int32), lambda context, builder, signature, args: builder.bitcast(
        args[0], ir.FloatType()
    )


@exact
def _exp_float32(x):
    # x = n log 2 + r; adding 1.5 * 2^23 leaves n in the last bits. Clamped so that a NaN passes.
    x = types.float32(-87.0) if x < types.float32(-87.0) else x
    x = types.float32(88.0) if x > types.float32(88.0) else x
    shifted = x * types.float32(1.4426950408889634) + types.float32(12582912.0)
    n = types.int32(_float_bits(shifted) - types.int32(0x4B400000))
    whole = types.float32(n)
    r = x - whole * types.float32(0.693359375)
    r = r + whole * types.float32(2.12194440e-4)
    p = types.float32(1.9875691500e-4)
    p = p * r + types.float32(1.3981999507e-3)
    p = p * r + types.float32(8.3334519073e-3)
    p = p * r + types.float32(4.1665795894e-2)
    p = p * r + types.float32(1.6666665459e-1)
    p = p * r + types.float32(5.0000001201e-1)
    p = p * r * r + r + types.float32(1.0)
    return p * _bits_float(types.int32((n + types.int32(127)) << types.int32(23)))


@exact
def _log_float32(x):
    # x = m 2^e with m in [2/3, 4/3); m is a product with x, so that a NaN passes.
    bits = types.int32(_float_bits(x) - types.int32(0x3F2AAAAB))
    e = types.int32(bits >> types.int32(23))
    m = x * _bits_float(types.int32((types.int32(127) - e) << types.int32(23)))
    r = m - types.float32(1.0)
    p = types.float32(7.0376836292e-2)
    p = p * r - types.float32(1.1514610310e-1)
    p = p * r + types.float32(1.1676998740e-1)
    p = p * r - types.float32(1.2420140846e-1)
    p = p * r + types.float32(1.4249322787e-1)
    p = p * r - types.float32(1.6668057665e-1)
    p = p * r + types.float32(2.0000714765e-1)
    p = p * r - types.float32(2.4999993993e-1)
    p = p * r + types.float32(3.3333331174e-1)
    square = r * r
    return r - types.float32(0.5) * square + p * r * square + types.float32(e) * types.float32(0.6931471805599453)


@overload(exp)
def _exp(x):
    if x == types.float32:
        return lambda x: _exp_float32(x)
    return lambda x: math.exp(x)


@overload(log)
def _log(x):
    if x == types.float32:
        return lambda x: _log_float32(x)
    return lambda x: math.log(x)


def like(x, value):
    """A constant in the type of x: a bare 1.0 would promote float32 to float64."""
    return value


@overload(like)
def _like(x, value):
    if x == types.float32:
        return lambda x, value: types.float32(value)
    return lambda x, value: types.float64(value)


@routine
def sigmoid(x):
    """1 / (1 + e^-x)."""
    one = like(x, 1.0)
    return one / (one + exp(-x))


@routine
def tanh(x):
    """The hyperbolic tangent, 2 sigmoid(2x) - 1."""
    return like(x, 2.0) * sigmoid(x + x) - like(x, 1.0)


@routine
def snap(x, strength):
    """x - strength sin(2 pi x) / (2 pi), as `src.memory.addressing.snap`."""
    turn = like(x, 2.0 * math.pi)
    return x - strength / turn * like(x, math.sin(turn * x)) if strength > 0 else x


@routine
def snap_slope(x, strength):
    """The derivative of `snap`."""
    return (
        like(x, 1.0) - strength * like(x, math.cos(like(x, 2.0 * math.pi) * x)) if strength > 0 else like(x, 1.0)
    )


@routine
def softplus(x):
    """log(1 + e^x); x itself above 20, as in torch."""
    if x > like(x, 20.0):
        return x
    return log(like(x, 1.0) + exp(x))


@routine
def softplus_slope(x):
    """The derivative of softplus."""
    if x > like(x, 20.0):
        return like(x, 1.0)
    return sigmoid(x)
