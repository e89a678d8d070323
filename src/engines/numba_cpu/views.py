"""Views of arrays without reference counting.

Numba changes the reference count of an array for each slice, and for each array of a bundle that is passed to a
routine; threads that share the array contend for its counter at every step. A view is a separate numba type
without a counter: the caller of the kernel, or `keep_alive`, keeps the array alive.
"""

from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model
from numba.np.arrayobj import populate_array

from .routine import routine


class View(types.Array):
    """Numba type of a view: a C-contiguous array without a reference count."""

    def __init__(self, dtype: types.Type, ndim: int) -> None:
        super().__init__(dtype, ndim, "C", name=f"View({dtype}, {ndim}d)")


@register_model(View)
class _Model(models.StructModel):
    """Data model of a view: that of an array without a reference count."""

    def __init__(self, manager, view):
        sizes = types.UniTuple(types.intp, view.ndim)
        members = [
            ("meminfo", types.voidptr),
            ("parent", types.voidptr),
            ("nitems", types.intp),
            ("itemsize", types.intp),
            ("data", types.CPointer(view.dtype)),
            ("shape", sizes),
            ("strides", sizes),
        ]
        super().__init__(manager, view, members)


def at(a, i):
    """a[i], an array of one dimension less; a is C-contiguous."""
    return a[i]


def span(a, start, count):
    """a[start : start + count], with the dimensions of a; a is C-contiguous.

    Bounds are checked in the interpreted version alone, which the tests run.
    """
    if not 0 <= start <= start + count <= len(a):
        raise IndexError(f"{start} to {start + count} of {len(a)}")
    return a[start : start + count]


def _view(context, builder, array_type, array, result_type, start, shape, strides):
    """A view that begins at index `start` of the first dimension of an array."""
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
    result = View(a.dtype, a.ndim - 1)

    def codegen(context, builder, signature, args):
        array = context.make_array(a)(context, builder, args[0])
        shape = cgutils.unpack_tuple(builder, array.shape, a.ndim)[1:]
        strides = cgutils.unpack_tuple(builder, array.strides, a.ndim)[1:]
        return _view(context, builder, a, array, result, args[1], shape, strides)

    return result(a, types.intp), codegen


@intrinsic
def _span(_, a, start, count):
    result = View(a.dtype, a.ndim)

    def codegen(context, builder, signature, args):
        array = context.make_array(a)(context, builder, args[0])
        shape = [args[2], *cgutils.unpack_tuple(builder, array.shape, a.ndim)[1:]]
        strides = cgutils.unpack_tuple(builder, array.strides, a.ndim)
        return _view(context, builder, a, array, result, args[1], shape, strides)

    return result(a, types.intp, types.intp), codegen


def uncounted(a):
    """A view of an array, or of all arrays of a bundle; the caller keeps them alive."""
    return a


def keep_alive(bundle):
    """A use of a bundle without effect: numba frees an array after the last line that uses it."""


def _viewed(kind):
    """Numba type of `uncounted` of an array or a bundle."""
    if isinstance(kind, types.BaseTuple):
        return types.BaseTuple.from_types(
            [_viewed(part) for part in kind.types], getattr(kind, "instance_class", None)
        )
    return View(kind.dtype, kind.ndim) if isinstance(kind, types.Array) else kind


def _uncount(context, builder, kind, value):
    if isinstance(kind, types.BaseTuple):
        parts = zip(kind.types, cgutils.unpack_tuple(builder, value, len(kind)), strict=True)
        return context.make_tuple(builder, _viewed(kind), [_uncount(context, builder, *part) for part in parts])
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        sizes = (cgutils.unpack_tuple(builder, one, kind.ndim) for one in (array.shape, array.strides))
        start = context.get_constant(types.intp, 0)
        return _view(context, builder, kind, array, _viewed(kind), start, *sizes)
    return value


@intrinsic
def _uncounted(_, a):
    return _viewed(a)(a), lambda context, builder, signature, args: _uncount(context, builder, a, args[0])


@intrinsic
def _named(_, bundle):
    return types.void(bundle), lambda context, builder, signature, args: context.get_dummy_value()


@overload(uncounted)
def _(a):
    return lambda a: _uncounted(a)


@overload(keep_alive)
def _(bundle):
    return lambda bundle: _named(bundle)


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
