"""Vectors of LANES numbers in registers: loads, stores, arithmetic, selection and reduction.

A loop over an array whose length is a multiple of LANES takes one vector at a time:

    for n in range(0, a.shape[0], LANES):
        store(out, n, load(a, n) * scale + load(b, n))

LLVM would vectorise a loop over numbers, too. But it would check every pair of arrays for overlap before the loop,
and do the last numbers one by one after it. For a hundred numbers both take longer than the work itself.

In Python, where the tests run the kernels also, a vector is an array of numpy.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import register_model

from .instructions import instruction
from .plan import LANES
from .views import View, address_and_sizes

_INT = ir.IntType(32)


class Lanes(types.Type):
    """Numba type of a vector of LANES numbers of a dtype."""

    def __init__(self, dtype: types.Type) -> None:
        super().__init__(name=f"Lanes({dtype})")
        self.dtype = dtype


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    """Data model of a vector: that of LLVM."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), LANES))


def number_of(kind):
    """Numba type of the numbers of a vector; of a number, its own."""
    return kind.dtype if isinstance(kind, Lanes) else kind


def constant(llvm_type, value):
    """A constant of an LLVM type; the same in all lanes of a vector."""
    return ir.Constant(llvm_type, [value] * LANES if isinstance(llvm_type, ir.VectorType) else value)


def spread_out(builder, value):
    """A vector with a number in all its lanes."""
    undefined = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, undefined, constant(ir.VectorType(_INT, LANES), 0))


def _as_lanes(builder, kind, value):
    return value if isinstance(kind, Lanes) else spread_out(builder, value)


def _arithmetic(function, name):
    """Make an operator of two vectors, or of a vector and a number of its dtype, the instruction of a name."""

    def make(*kinds):
        lanes = [kind for kind in kinds if isinstance(kind, Lanes)]
        if len(kinds) != 2 or not lanes or any(number_of(kind) != lanes[0].dtype for kind in kinds):
            return None

        def codegen(context, builder, sig, args):
            return getattr(builder, name)(*(_as_lanes(builder, *one) for one in zip(kinds, args, strict=True)))

        return lanes[0](*kinds), codegen

    for kinds in ((Lanes, Lanes), (Lanes, types.Float), (types.Float, Lanes)):
        instruction(function, *kinds)(make)


for _name, _functions in {
    "fadd": (operator.add, operator.iadd),
    "fsub": (operator.sub, operator.isub),
    "fmul": (operator.mul, operator.imul),
    "fdiv": (operator.truediv,),
}.items():
    for _function in _functions:
        _arithmetic(_function, _name)


def load(a, n):
    """The numbers n..n+LANES-1 of an array."""
    _check(a, n)
    return a[n : n + LANES].copy()


def store(a, n, v):
    """Set the numbers n..n+LANES-1 of an array."""
    _check(a, n)
    a[n : n + LANES] = v


def _check(a, n):
    """Bounds are checked in Python alone."""
    if not 0 <= n <= len(a) - LANES:
        raise IndexError(f"{n} to {n + LANES} of {len(a)}")


def spread(x):
    """A vector with a number in all lanes."""
    return np.full(LANES, x)


def counting(x):
    """A vector of x, x + 1, x + 2, ..."""
    return x + np.arange(LANES, dtype=np.asarray(x).dtype)


def within(v, n, count, rest):
    """A vector whose lane i is n + i: v where that is below `count`, the number `rest` elsewhere."""
    return np.where(n + np.arange(LANES) < count, v, rest).astype(v.dtype)


def choose(a, b, x, y):
    """x where a < b, else y; each a number or, where one is, a vector."""
    return np.where(a < b, x, y)


def root(v):
    """The square root."""
    return np.sqrt(v)


def total(v):
    """The sum of the lanes."""
    return v.sum()


def largest_of(v):
    """The maximum of the lanes; undefined if one is not a number."""
    return v.max()


def vector_at(builder, data, n):
    """Pointer to the vector that begins n numbers behind an address."""
    start = builder.gep(data, [n])
    return builder.bitcast(start, ir.VectorType(start.type.pointee, LANES).as_pointer())


def _vector(context, builder, view, value, n):
    return vector_at(builder, address_and_sizes(context, builder, view, value)[0], n)


@instruction(load, View, types.Integer)
def _(a, n):
    def codegen(context, builder, sig, args):
        return builder.load(_vector(context, builder, a, *args), align=a.dtype.bitwidth // 8)

    return Lanes(a.dtype)(a, types.intp), codegen


@instruction(store, View, types.Integer, types.Any)
def _(a, n, v):
    def codegen(context, builder, sig, args):
        builder.store(args[2], _vector(context, builder, a, *args[:2]), align=a.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(a, types.intp, v), codegen


@instruction(spread, types.Float)
def _(x):
    return Lanes(x)(x), lambda context, builder, sig, args: spread_out(builder, args[0])


@instruction(counting, types.Float)
def _(x):
    def codegen(context, builder, sig, args):
        lanes = ir.VectorType(args[0].type, LANES)
        return builder.fadd(spread_out(builder, args[0]), ir.Constant(lanes, [float(i) for i in range(LANES)]))

    return Lanes(x)(x), codegen


@instruction(within, Lanes, types.Integer, types.Integer, types.Float)
def _(v, n, count, rest):
    def codegen(context, builder, sig, args):
        value, start, end, other = args
        left = builder.trunc(builder.sub(end, start), _INT)  # lanes below it are within
        lane = ir.Constant(ir.VectorType(_INT, LANES), list(range(LANES)))
        inside = builder.icmp_signed("<", lane, spread_out(builder, left))
        return builder.select(inside, value, spread_out(builder, other))

    return v(v, types.intp, types.intp, v.dtype), codegen


@instruction(choose, types.Any, types.Any, types.Any, types.Any)
def _(a, b, x, y):
    kinds = a, b, x, y
    lanes = [kind for kind in kinds if isinstance(kind, Lanes)]
    if len({number_of(kind) for kind in kinds}) > 1:
        return None

    def codegen(context, builder, sig, args):
        if lanes:
            args = [_as_lanes(builder, *one) for one in zip(kinds, args, strict=True)]
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return (lanes[0] if lanes else x)(*kinds), codegen


@instruction(root, Lanes)
def _(v):
    def codegen(context, builder, sig, args):
        name, kind = f"llvm.sqrt.v{LANES}f{v.dtype.bitwidth}", args[0].type
        return builder.call(builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind])), args)

    return v(v), codegen


def _reduced(builder, value, combine):
    """The lanes combined two by two, halves first."""
    half = LANES // 2
    while half:
        picks = [*range(half, 2 * half), *[0] * (LANES - half)]
        other = builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(_INT, LANES), picks))
        value = combine(value, other)
        half //= 2
    return builder.extract_element(value, ir.Constant(_INT, 0))


@instruction(total, Lanes)
def _(v):
    def codegen(context, builder, sig, args):
        return _reduced(builder, args[0], builder.fadd)

    return v.dtype(v), codegen


@instruction(largest_of, Lanes)
def _(v):
    def codegen(context, builder, sig, args):
        return _reduced(builder, args[0], lambda a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))

    return v.dtype(v), codegen
