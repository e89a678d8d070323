"""Exponential, logarithm and functions built of them, in a form that compiles to vector instructions.

In float32 they are polynomials, accurate to a few units in the last place; in float64, which serves to test the
equations, they are those of the C library. NaN propagates, so that a diverged run is detected.
"""

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import overload

from .instructions import instruction
from .lanes import LANES, Lanes, choose, constant, number_of
from .routine import CONTRACT, routine


def exp(x):
    """e^x in the type of x, a number or a vector of `lanes`; at least 1e-38 in float32."""
    return np.exp(x) if isinstance(x, np.ndarray) else math.exp(x)


def log(x):
    """The natural logarithm of a normal positive number, in float32 below 1e38, or of each lane of a vector."""
    return np.log(x) if isinstance(x, np.ndarray) else math.log(x)


def _types(kind):
    """LLVM types of a float32 or a vector of them, and of their bits."""
    number, bits = ir.FloatType(), ir.IntType(32)
    return (
        (ir.VectorType(number, LANES), ir.VectorType(bits, LANES)) if isinstance(kind, Lanes) else (number, bits)
    )


#: Bits of 1.5 * 2^23: a number n added to it stands in the last bits.
_MAGIC = 0x4B400000


def _power_of_two(shifted):
    """2^n of n + 1.5 * 2^23, in float32."""


@instruction(_power_of_two, types.Any)
def _(shifted):
    number, bits = _types(shifted)

    def codegen(context, builder, signature, args):
        n = builder.sub(builder.bitcast(args[0], bits), constant(bits, _MAGIC - 127))
        return builder.bitcast(builder.shl(n, constant(bits, 23)), number)

    return shifted(shifted), codegen


def _mantissa_and_exponent(x):
    """m in [2/3, 4/3) and e with x = m 2^e, in float32; m is a product with x, so that a NaN passes."""


@instruction(_mantissa_and_exponent, types.Any)
def _(x):
    number, bits = _types(x)

    def codegen(context, builder, signature, args):
        above = builder.sub(builder.bitcast(args[0], bits), constant(bits, 0x3F2AAAAB))
        e = builder.ashr(above, constant(bits, 23))
        scale = builder.shl(builder.sub(constant(bits, 127), e), constant(bits, 23))
        m = builder.fmul(args[0], builder.bitcast(scale, number))
        return context.make_tuple(builder, signature.return_type, [m, builder.sitofp(e, number)])

    return types.UniTuple(x, 2)(x), codegen


def _exp_float32(x):
    # x = n log 2 + r; adding 1.5 * 2^23 leaves n in the last bits. Clamped so that a NaN passes.
    least, most, magic = types.float32(-87.0), types.float32(88.0), types.float32(12582912.0)
    x = choose(x, least, least, x)
    x = choose(most, x, most, x)
    shifted = x * types.float32(1.4426950408889634) + magic
    whole = shifted - magic
    r = x - whole * types.float32(0.693359375)
    r = r + whole * types.float32(2.12194440e-4)
    p = r * types.float32(1.9875691500e-4) + types.float32(1.3981999507e-3)
    p = p * r + types.float32(8.3334519073e-3)
    p = p * r + types.float32(4.1665795894e-2)
    p = p * r + types.float32(1.6666665459e-1)
    p = p * r + types.float32(5.0000001201e-1)
    p = p * r * r + r + types.float32(1.0)
    return p * _power_of_two(shifted)


def _log_float32(x):
    m, e = _mantissa_and_exponent(x)
    r = m - types.float32(1.0)
    p = r * types.float32(7.0376836292e-2) - types.float32(1.1514610310e-1)
    p = p * r + types.float32(1.1676998740e-1)
    p = p * r - types.float32(1.2420140846e-1)
    p = p * r + types.float32(1.4249322787e-1)
    p = p * r - types.float32(1.6668057665e-1)
    p = p * r + types.float32(2.0000714765e-1)
    p = p * r - types.float32(2.4999993993e-1)
    p = p * r + types.float32(3.3333331174e-1)
    square = r * r
    return r - square * types.float32(0.5) + p * r * square + e * types.float32(0.6931471805599453)


def _of_each(function, of_number):
    """A function of float64 numbers as one of vectors: each lane by itself."""

    @instruction(function, Lanes)
    def _(x):
        def codegen(context, builder, signature, args):
            apply = context.get_function(of_number, x.dtype(x.dtype))
            result = args[0]
            for i in range(LANES):
                lane = ir.Constant(ir.IntType(32), i)
                number = apply(builder, [builder.extract_element(args[0], lane)])
                result = builder.insert_element(result, number, lane)
            return result

        return x(x), codegen

    return function


_exp_of_each, _log_of_each = _of_each(lambda x: x, math.exp), _of_each(lambda x: x, math.log)


@overload(exp, jit_options=CONTRACT)
def _exp(x):
    if number_of(x) == types.float32:
        return _exp_float32
    return (lambda x: _exp_of_each(x)) if isinstance(x, Lanes) else (lambda x: math.exp(x))


@overload(log, jit_options=CONTRACT)
def _log(x):
    if number_of(x) == types.float32:
        return _log_float32
    return (lambda x: _log_of_each(x)) if isinstance(x, Lanes) else (lambda x: math.log(x))


def like(x, value):
    """A constant in the type of x, or of the numbers of a vector: a bare 1.0 would promote float32 to float64."""
    return value


@instruction(like, types.Any, types.Any)
def _(x, value):
    number, given = number_of(x), types.unliteral(value)

    def codegen(context, builder, signature, args):
        return context.cast(builder, args[1], given, number)

    return number(x, given), codegen


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
