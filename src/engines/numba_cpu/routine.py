"""How functions are compiled that kernels call: `@routine`, `@inlined`, `@exact` where the order of sums matters.

Python cannot call it, and crashes if it tries: the way to would take a quarter of the time of compiling.
A test goes through `tests.engines.numba_cpu.from_python`.
"""

from typing import Any

from numba import njit

#: What the loops may do with sums: reorder them and fuse a product into them. NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}
INNER: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

routine = njit(fastmath=FAST, **INNER)
exact = njit(fastmath={"contract"}, **INNER)
#: A routine called at one place, which becomes part of its caller before that is compiled: LLVM optimises any
#: other together with all that it calls, and again within its caller, so each level of calls costs compile time.
inlined = njit(fastmath=FAST, inline="always", **INNER)
#: A kernel: Python calls it, and it is kept on disk.
KERNEL: dict[str, Any] = {"fastmath": FAST, "error_model": "numpy", "nogil": True, "cache": True}
