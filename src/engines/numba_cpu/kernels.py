"""The compiled kernels, and the folder that keeps them.

They are compiled at their first use for float32 and for float64, and kept under a name made of all
that they depend on, so that a changed source is never served by an old kernel.
"""

import atexit
import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from src.common.paths import ROOT

log = logging.getLogger(__name__)
SOURCES = Path(__file__).parent
#: Where compiled kernels are kept, unless the environment variable NUMBA_CACHE_DIR names another place.
PLACE = ROOT / "outputs" / "cache" / "fused"
#: What a folder of kernels was when it was last good: digests of its files, and the dtypes they are for.
RECORD = "record.json"

_loaded: Any = None
_folder: Path | None = None
_ready: set[np.dtype] = set()
_compiling = threading.RLock()


@cache
def missing() -> str | None:
    """Why kernels cannot be compiled here; None where they can."""
    try:
        import numba  # noqa: F401
    except Exception as error:  # not installed, or built for another processor
        return f"numba cannot be imported ({type(error).__name__}: {error})"
    return None


def kernels(dtype: np.dtype) -> tuple[Callable[..., None], Callable[..., None]]:
    """`forward.forward` and `backward.backward`, compiled for a dtype."""
    if dtype not in _ready:
        with _compiling:  # of two threads that start together, the second waits and finds them
            _make_ready(dtype)
    return _loaded.forward, _loaded.backward


def _make_ready(dtype: np.dtype) -> None:
    global _loaded, _folder
    if _loaded is None:
        _folder = _prepare()
        _loaded = _load(_folder)
    if dtype not in _ready:
        _compile(_loaded, _folder, dtype)
        _ready.add(dtype)


def _prepare() -> Path:
    """The folder for this version's kernels, empty or whole; a temporary one where it cannot be written."""
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or PLACE)
    folder = base / _name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        log.warning("Kernels cannot be kept in %s (%s); they are compiled for this process alone.", base, error)
        folder = Path(tempfile.mkdtemp(prefix="kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with _locked(folder):
        if _digests(folder) != _record(folder).get("files", {}):
            log.warning("The kernels in %s are damaged; compiling them anew.", folder)
            for path in _files(folder):
                path.unlink()
            (folder / RECORD).unlink(missing_ok=True)
    return folder


def _name() -> str:
    """A name made of all that a kernel depends on: sources and their place, numba, LLVM, the processor."""
    import llvmlite
    import numba

    parts = [str(SOURCES), numba.__version__, llvmlite.__version__, llvmlite.binding.get_host_cpu_name()]
    digest = hashlib.sha256("\n".join(parts).encode())
    for path in sorted(SOURCES.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Kernels(NamedTuple):
    """The two kernels, not compiled yet."""

    forward: Any
    backward: Any


def _load(folder: Path) -> Kernels:
    """The kernels, told where to be kept."""
    from numba.core import config

    if config.CPU_FEATURES is None:  # type: ignore[attr-defined]
        config.CPU_FEATURES = _features()  # type: ignore[attr-defined]
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)  # type: ignore[attr-defined]
    try:
        from src.engines.numba_cpu import backward, forward, spin_wait  # noqa: F401  (compiled here, used by the threads)
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
    return Kernels(forward.forward, backward.backward)


def _features() -> str:
    """What numba says of the processor, and that its widest vectors are to be used.

    LLVM takes vectors of half the width where the widest once slowed the clock; here they save a fifth of it.
    """
    from numba.core.codegen import get_host_cpu_features

    features = get_host_cpu_features()
    return f"{features},-prefer-256-bit" if "+avx512f" in features else features


def _compile(loaded: Any, folder: Path | None, dtype: np.dtype) -> None:
    """Compile for a dtype, or load what was compiled before."""
    if not hasattr(loaded.forward, "compile"):  # NUMBA_DISABLE_JIT: the kernels are plain Python then
        return
    assert folder is not None
    with _locked(folder):
        record = _record(folder)
        if dtype.name not in record.get("dtypes", []):
            log.info("Compiling the fused engine for %s, once; it is kept in %s.", dtype.name, folder)
        for kernel in (loaded.forward, loaded.backward):
            kernel.disable_compile(False)
            kernel.compile(_signature(kernel.py_func, dtype))
            # Arrays of any other kind are an error, and not one more set of kernels that nobody asked for.
            kernel.disable_compile()
        new = {"dtypes": sorted({*record.get("dtypes", []), dtype.name}), "files": _digests(folder)}
        if new != record:
            part = folder / f"{RECORD}.part"
            part.write_text(json.dumps(new, indent=2), encoding="utf-8")
            part.replace(folder / RECORD)


def _signature(function: Callable[..., None], dtype: np.dtype) -> tuple[Any, ...]:
    """Types of a kernel's arguments, as annotated: integers, numbers of the dtype, arrays of them, bundles."""
    from numba import from_dtype, types

    number = from_dtype(dtype)

    def of(kind: Any) -> Any:
        if kind is int:
            return types.intp
        if kind is float:
            return number
        if hasattr(kind, "_fields"):
            return types.BaseTuple.from_types([of(field) for field in get_type_hints(kind).values()], kind)
        return types.Array(number, len(kind.dim_str.split()), "C")

    return tuple(of(kind) for name, kind in function.__annotations__.items() if name != "return")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".nbi", ".nbc"))


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(folder)
    }


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _reset_after_fork() -> None:
    """Of a fork, the child has a lock of its own: another thread of the parent may have had this one."""
    global _compiling
    _compiling = threading.RLock()


os.register_at_fork(after_in_child=_reset_after_fork)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time: of two that start together, the second waits and loads."""
    try:
        import fcntl
    except ImportError:  # not on every system; two processes then compile twice
        yield
        return
    with (folder / "lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
