"""Decorators of the functions that kernels call: `@routine`, `@inlined`, `@exact` where the order of sums matters.

Python cannot call such a function, and crashes if it tries: a Python wrapper would add a quarter to the time of
compilation. Tests use `tests.engines.numba_cpu.from_python`.
"""

from typing import Any

from numba import njit

from .vector_width import widen

widen()

#: Floating-point optimisations: sums may be reordered and fused with products. NaN and infinity are preserved.
FAST = {"reassoc", "contract", "nsz", "arcp"}
#: Those that keep the order of sums.
CONTRACT: dict[str, Any] = {"fastmath": {"contract"}}
INNER: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

ROUTINE: dict[str, Any] = {"fastmath": FAST, **INNER}

routine = njit(**ROUTINE)
exact = njit(**CONTRACT, **INNER)
#: A routine with one caller, inlined before compilation: LLVM would optimise it alone and again within its caller,
#: so each level of calls costs compile time.
inlined = njit(inline="always", **ROUTINE)
#: Options of a kernel, which Python calls; `kernels` caches it on disk.
KERNEL: dict[str, Any] = {"fastmath": FAST, "error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
