"""Waiting for another thread without sleeping: a sleeper takes longer to wake than a kernel to run."""

from numba import njit, types
from numba.extending import intrinsic, overload

#: Of the C library: lets whoever else wants this core have it.
_sched_yield = types.ExternalFunction("sched_yield", types.intc())


def _first(a):
    """a[0], as another thread may have written it just now."""
    return a[0]


@intrinsic
def _load(_, a):
    def codegen(context, builder, signature, args):
        data = context.make_array(a)(context, builder, args[0]).data
        return builder.load_atomic(data, "acquire", 8)

    return types.int64(a), codegen


@overload(_first)
def _(a):
    return lambda a: _load(a)


@njit(types.boolean(types.int64[::1], types.int64, types.int64), nogil=True, cache=True)
def changes(flag, known, turns):
    """Whether flag[0] becomes other than `known` while it is looked at so many times."""
    for _ in range(turns):
        if _first(flag) != known:
            return True
        _sched_yield()
    return False
