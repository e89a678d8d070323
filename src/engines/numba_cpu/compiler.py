"""Compilation of the kernels for a kind of cells and a dtype, in processes of their own.

`python -m src.engines.numba_cpu.compiler <cache folder> <kind> <dtype> <kernel>..` fills the cache. A process that
has just compiled runs code that is linked differently from the code that it stores, and whose results differ by
rounding. So a process that trains only loads kernels, also the first time: all processes compute the same bits.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from jaxtyping import Int64
from tqdm import tqdm

from ...common.paths import CHECKOUT, module
from .plan import PLANS, KernelPlan


class Kernels(NamedTuple):
    """The kernels of machines, of a DNC and of a GRU, and the spin wait of the threads, as functions of numba.

    Those of machines are compiled for each kind.
    """

    forward: Any
    backward: Any
    changes: Any
    dnc_forward: Any
    dnc_backward: Any
    gru_forward: Any
    gru_backward: Any


#: Seconds between two looks at processes that compile.
POLL = 0.1
#: By the kind of cells: the kernels that they need, each part for a process of its own.
KINDS = {
    **dict.fromkeys(PLANS, (("forward", "changes"), ("backward",))),
    "dnc": (("dnc_forward",), ("dnc_backward",)),
    "gru": (("gru_forward", "changes"), ("gru_backward",)),
}


def load(folder: Path) -> Kernels:
    """The kernels, with their cache in a folder, wherever they were imported before."""
    from numba.core import config

    from . import backward, dnc_backward, dnc_forward, forward, gru_layer, spin_wait

    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)  # type: ignore[attr-defined]
    try:
        machine = forward.forward, backward.backward, spin_wait.changes
        dnc, gru = (dnc_forward.forward, dnc_backward.backward), (gru_layer.forward, gru_layer.backward)
        found = Kernels(*machine, *dnc, *gru)
        for function in found:
            if hasattr(function, "enable_caching"):  # not with NUMBA_DISABLE_JIT
                function.enable_caching()
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
    return found


def compile_or_load(kernels: Kernels, names: Iterable[str], kind: str, dtype: np.dtype) -> None:
    """Make some kernels ready for a kind of cells and a dtype: from the cache, or compiled by this process.

    Arguments of other types are an error afterwards: what is compiled later would be cached, too, and the next
    process would take the cache for damaged.
    """
    for name in names:
        kernel = getattr(kernels, name)
        kernel.disable_compile(False)
        kernel.compile(signature(kernel.py_func, dtype, PLANS.get(kind, KernelPlan)))
        kernel.disable_compile()


def compile_in_subprocesses(folder: Path, kind: str, dtype: np.dtype) -> str | None:
    """Fill the cache folder with kernels of a kind for a dtype; the reason if that was not possible, else None.

    On a terminal, a line shows the seconds so far.
    """
    command = [
        sys.executable,
        "-m",
        module("engines.numba_cpu.compiler"),
        str(folder.absolute()),
        kind,
        dtype.name,
    ]
    children = []
    with tempfile.TemporaryFile() as errors:
        # In a session of its own: Ctrl-C must not end the compilation, as it ends the run only after an update.
        quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": errors}
        start = partial(subprocess.Popen, cwd=CHECKOUT, start_new_session=True, **quiet)
        try:
            for names in KINDS[kind]:
                children.append(start([*command, *names]))
            with tqdm(bar_format="compiling: {elapsed}", leave=False, disable=None) as shown:
                while any(child.poll() is None for child in children):
                    time.sleep(POLL)
                    shown.refresh()
        except OSError as error:
            return str(error)
        finally:
            for child in children:
                child.kill()
                child.wait()
        failed = [child.returncode for child in children if child.returncode]
        if not failed:
            return None
        errors.seek(0)
        lines = errors.read().decode(errors="replace").split("\n")
        return f"exit code {failed[0]}: {' '.join(lines[-2:]).strip()}"


def signature(
    function: Callable[..., None], dtype: np.dtype, plan: type[KernelPlan] = KernelPlan
) -> tuple[Any, ...]:
    """Numba types of annotated arguments: integers, numbers of the dtype, arrays and NamedTuples.

    The type of a `KernelPlan` is that of the class `plan`.
    """
    from numba import from_dtype, types

    number = from_dtype(dtype)

    def of(kind: Any) -> Any:
        if kind is int:
            return types.intp
        if kind is float:
            return number
        if hasattr(kind, "_fields"):
            cls = plan if kind is KernelPlan else kind
            return types.BaseTuple.from_types([of(field) for field in get_type_hints(kind).values()], cls)
        its = types.int64 if kind.dtype is Int64 else number
        return types.Array(its, len(kind.dim_str.split()), "C")

    return tuple(of(kind) for name, kind in function.__annotations__.items() if name != "return")


if __name__ == "__main__":
    compile_or_load(load(Path(sys.argv[1])), sys.argv[4:], sys.argv[2], np.dtype(sys.argv[3]))
