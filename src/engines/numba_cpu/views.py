"""Views of arrays that nobody counts.

A slice made by numba counts a reference up and down again, and two threads that do so for one array wait
for each other at every step. These views count nothing: who called the kernel keeps the arrays alive.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.arrayobj import populate_array

from src.engines.numba_cpu.routine import routine


def at(a, i):
    """a[i], an array of one dimension less; a is C-contiguous."""
    return a[i]


def span(a, start, count):
    """a[start : start + count], with the dimensions of a; a is C-contiguous.

    Compiled, nobody looks at the bounds; interpreted, as in the tests, this does.
    """
    if not 0 <= start <= start + count <= len(a):
        raise IndexError(f"{start} to {start + count} of {len(a)}")
    return a[start : start + count]


def _view(context, builder, array_type, array, result_type, start, shape, strides):
    """An uncounted array that begins `start` steps into another."""
    first = cgutils.unpack_tuple(builder, array.strides, array_type.ndim)[0]
    result = context.make_array(result_type)(context, builder)
    populate_array(
        result,
        data=cgutils.pointer_add(builder, array.data, builder.mul(start, first), return_type=result.data.type),
        shape=shape,
        strides=strides,
        itemsize=array.itemsize,
        meminfo=None,
    )
    return result._getvalue()


@intrinsic
def _at(_, a, i):
    result = types.Array(a.dtype, a.ndim - 1, "C")

    def codegen(context, builder, signature, args):
        array = context.make_array(a)(context, builder, args[0])
        shape = cgutils.unpack_tuple(builder, array.shape, a.ndim)[1:]
        strides = cgutils.unpack_tuple(builder, array.strides, a.ndim)[1:]
        return _view(context, builder, a, array, result, args[1], shape, strides)

    return result(a, types.intp), codegen


@intrinsic
def _span(_, a, start, count):
    result = types.Array(a.dtype, a.ndim, "C")

    def codegen(context, builder, signature, args):
        array = context.make_array(a)(context, builder, args[0])
        shape = [args[2], *cgutils.unpack_tuple(builder, array.shape, a.ndim)[1:]]
        strides = cgutils.unpack_tuple(builder, array.strides, a.ndim)
        return _view(context, builder, a, array, result, args[1], shape, strides)

    return result(a, types.intp, types.intp), codegen


@overload(at)
def _(a, i):
    return lambda a, i: _at(a, i)


@overload(span)
def _(a, start, count):
    return lambda a, start, count: _span(a, start, count)


@routine
def fill(a, value):
    """a[:] = value."""
    for n in range(a.shape[0]):
        a[n] = value


@routine
def copy(a, out):
    """out[:] = a."""
    for n in range(a.shape[0]):
        out[n] = a[n]
