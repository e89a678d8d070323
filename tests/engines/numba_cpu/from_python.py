"""Routines that only kernels can call, for tests to call."""

from types import ModuleType, SimpleNamespace

from numba import njit


def from_python(routine):
    """A routine of `src.engines.numba_cpu` as a function that Python can call."""

    @njit
    def call(*arguments):
        return routine(*arguments)

    return call


def all_of(module: ModuleType) -> SimpleNamespace:
    """Every routine of a module, and all else that it holds."""
    return SimpleNamespace(
        **{
            name: from_python(value) if hasattr(value, "py_func") else value
            for name, value in vars(module).items()
        }
    )
