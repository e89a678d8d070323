"""Wrappers with which tests call the routines of the kernels."""

from types import ModuleType, SimpleNamespace

from numba import njit

from src.engines.numba_cpu.views import uncounted


def from_python(routine):
    """A routine of `src.engines.numba_cpu` as a function that Python can call."""

    @njit
    def call(*arguments):
        return routine(*uncounted(arguments))

    return call


def all_of(module: ModuleType) -> SimpleNamespace:
    """The attributes of a module, with its routines wrapped."""
    return SimpleNamespace(
        **{
            name: from_python(value) if hasattr(value, "py_func") else value
            for name, value in vars(module).items()
        }
    )
