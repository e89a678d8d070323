"""Views of arrays: an address and sizes, all that the routines need.

Numba's arrays have more: strides, code for negative indices at each access, and a reference count, which changes
with each slice and each array of a bundle that is passed to a routine, and for which threads that share an array
contend. All of it takes time, above all the compiler's. The caller of the kernel, or `keep_alive`, keeps the array
of a view alive.
"""

import operator

from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr, make_attribute_wrapper, register_model

from .instructions import instruction
from .routine import routine


class View(types.Type):
    """Numba type of a view of a C-contiguous array; its indices are not negative, and are not checked.

    Args:
        dtype: of the numbers.
        ndim: number of dimensions.
        flipped: whether it is the transpose of an array of two dimensions. Its sizes are those of the array; it
            is for `products.accumulate` alone.
    """

    def __init__(self, dtype: types.Type, ndim: int, flipped: bool = False) -> None:
        super().__init__(name=f"View({dtype}, {ndim}d{', flipped' if flipped else ''})")
        self.dtype, self.ndim, self.flipped = dtype, ndim, flipped


@register_model(View)
class _Model(models.StructModel):
    """Data model of a view: address of the first number, and sizes."""

    def __init__(self, manager, view):
        sizes = types.UniTuple(types.intp, view.ndim)
        super().__init__(manager, view, [("data", types.CPointer(view.dtype)), ("shape", sizes)])


make_attribute_wrapper(View, "shape", "shape")


@infer_getattr
class _Attributes(AttributeTemplate):
    key = View

    def resolve_dtype(self, view):
        return types.DType(view.dtype)


@lower_getattr(View, "dtype")
def _dtype(context, builder, view, value):
    return context.get_dummy_value()


def address_and_sizes(context, builder, view, value):
    """LLVM values of a view: the pointer to its first number, and its sizes."""
    parts = cgutils.create_struct_proxy(view)(context, builder, value)
    return parts.data, cgutils.unpack_tuple(builder, parts.shape, view.ndim)


def _view(context, builder, view, data, sizes):
    parts = cgutils.create_struct_proxy(view)(context, builder)
    parts.data = data
    parts.shape = context.make_tuple(builder, types.UniTuple(types.intp, view.ndim), sizes)
    return parts._getvalue()


def _offset(builder, indices, sizes):
    """Numbers before an element, or before a part of the first dimensions."""
    offset = indices[0]
    for index, size in zip(indices[1:], sizes[1:], strict=False):
        offset = builder.add(builder.mul(offset, size), index)
    for size in sizes[len(indices) :]:
        offset = builder.mul(offset, size)
    return offset


def at(a, i):
    """a[i], an array of one dimension less."""
    return a[i]


def span(a, start, count):
    """a[start : start + count], with the dimensions of a.

    Bounds are checked in the interpreted version alone, which the tests run.
    """
    if not 0 <= start <= start + count <= len(a):
        raise IndexError(f"{start} to {start + count} of {len(a)}")
    return a[start : start + count]


def flipped(a):
    """The transpose of an array of two dimensions."""
    return a.T


def uncounted(a):
    """A view of an array, or of all arrays of a bundle; the caller keeps them alive."""
    return a


def keep_alive(bundle):
    """A use of a bundle without effect: numba frees an array after the last line that uses it."""


@instruction(at, View, types.Integer)
def _(a, i):
    if a.flipped:
        return None
    result = View(a.dtype, a.ndim - 1)

    def codegen(context, builder, signature, args):
        data, sizes = address_and_sizes(context, builder, a, args[0])
        return _view(context, builder, result, builder.gep(data, [_offset(builder, args[1:], sizes)]), sizes[1:])

    return result(a, types.intp), codegen


@instruction(span, View, types.Integer, types.Integer)
def _(a, start, count):
    if a.flipped:
        return None

    def codegen(context, builder, signature, args):
        data, sizes = address_and_sizes(context, builder, a, args[0])
        first = builder.gep(data, [_offset(builder, args[1:2], sizes)])
        return _view(context, builder, a, first, [args[2], *sizes[1:]])

    return a(a, types.intp, types.intp), codegen


@instruction(flipped, View)
def _(a):
    result = View(a.dtype, 2, flipped=True)

    def codegen(context, builder, signature, args):
        return _view(context, builder, result, *address_and_sizes(context, builder, a, args[0]))

    return result(a), codegen


def _element(context, builder, view, value, index):
    """Pointer to an element; the index of two dimensions is a tuple."""
    data, sizes = address_and_sizes(context, builder, view, value)
    indices = [index] if view.ndim == 1 else cgutils.unpack_tuple(builder, index, view.ndim)
    return builder.gep(data, [_offset(builder, indices, sizes)])


def _index(view):
    return types.intp if view.ndim == 1 else types.UniTuple(types.intp, view.ndim)


@instruction(operator.getitem, View, types.Any)
def _(a, index):
    if not isinstance(a, View) or a.flipped:
        return None

    def codegen(context, builder, signature, args):
        return builder.load(_element(context, builder, a, *args))

    return a.dtype(a, _index(a)), codegen


@instruction(operator.setitem, View, types.Any, types.Any)
def _(a, index, value):
    if not isinstance(a, View) or a.flipped:
        return None

    def codegen(context, builder, signature, args):
        builder.store(args[2], _element(context, builder, a, *args[:2]))
        return context.get_dummy_value()

    return types.void(a, _index(a), a.dtype), codegen


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
        sizes = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
        return _view(context, builder, _viewed(kind), array.data, sizes)
    return value


@instruction(uncounted, types.Any)
def _(a):
    return _viewed(a)(a), lambda context, builder, signature, args: _uncount(context, builder, a, args[0])


@instruction(keep_alive, types.Any)
def _(bundle):
    return types.void(bundle), lambda context, builder, signature, args: context.get_dummy_value()


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
