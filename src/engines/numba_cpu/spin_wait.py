"""Spin wait for another thread: waking a sleeping thread takes longer than a kernel runs."""

import numpy as np
from jaxtyping import Int64
from numba import njit, types
from numba.extending import intrinsic, overload

from .vector_width import widen

widen()

#: Of the C library: yields the core to another thread that is ready.
_sched_yield = types.ExternalFunction("sched_yield", types.intc())


def _first(a):
    """a[0], loaded atomically: another thread writes it."""
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


@njit(nogil=True)
def changes(flag: Int64[np.ndarray, "1"], known: int, checks: int) -> bool:
    """Whether flag[0] becomes different from `known` within a number of checks."""
    for _ in range(checks):
        if _first(flag) != known:
            return True
        _sched_yield()
    return False
