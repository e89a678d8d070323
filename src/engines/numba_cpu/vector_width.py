"""Width of the vectors of compiled code, chosen before numba's first function makes its target."""

from numba.core import config
from numba.core.codegen import get_host_cpu_features


def widen() -> None:
    """Enable the widest vectors, unless NUMBA_CPU_FEATURES says something else."""
    if config.CPU_FEATURES is None:  # type: ignore[attr-defined]
        config.CPU_FEATURES = features()  # type: ignore[attr-defined]


def features() -> str:
    """CPU features for LLVM: those that numba detects, with the widest vectors enabled.

    LLVM prefers 256-bit vectors on AVX-512, which lowered the clock of older processors; 512 bits are a fifth
    faster.
    """
    found = get_host_cpu_features()
    return f"{found},-prefer-256-bit" if "+avx512f" in found else found
