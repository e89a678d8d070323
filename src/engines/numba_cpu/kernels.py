"""Compilation of the kernels and their cache on disk.

The kernels are compiled at their first use for float32 or float64. The name of the cache folder is a digest of all
that they depend on, so that a changed source never loads an old kernel.
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
#: Default cache folder; the environment variable NUMBA_CACHE_DIR sets another one.
CACHE = ROOT / "outputs" / "cache" / "fused"
#: File with the digests of the cached files, to detect damage, and the dtypes they were compiled for.
RECORD = "record.json"

_loaded: Any = None
_folder: Path | None = None
_ready: set[np.dtype] = set()
_compiling = threading.RLock()


@cache
def missing() -> str | None:
    """The reason why kernels cannot be compiled on this computer; None if they can."""
    try:
        import numba  # noqa: F401
    except Exception as error:  # not installed, or built for another processor
        return f"numba cannot be imported ({type(error).__name__}: {error})"
    return None


def kernels(dtype: np.dtype) -> tuple[Callable[..., None], Callable[..., None]]:
    """`forward.forward` and `backward.backward`, compiled for a dtype."""
    if dtype not in _ready:
        with _compiling:  # a second thread waits, then finds them compiled
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
    """The cache folder of this version, empty or intact; a temporary folder where it cannot be written."""
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or CACHE)
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
    """Digest of all that a kernel depends on: sources and their path, numba, LLVM, the processor."""
    import llvmlite
    import numba

    parts = [str(SOURCES), numba.__version__, llvmlite.__version__, llvmlite.binding.get_host_cpu_name()]
    digest = hashlib.sha256("\n".join(parts).encode())
    for path in sorted(SOURCES.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Kernels(NamedTuple):
    """The two kernels as functions of numba."""

    forward: Any
    backward: Any


def _load(folder: Path) -> Kernels:
    """The kernels, with their cache in a folder, wherever they were imported before."""
    from numba.core import config

    if config.CPU_FEATURES is None:  # type: ignore[attr-defined]
        config.CPU_FEATURES = _features()  # type: ignore[attr-defined]
    from src.engines.numba_cpu import backward, forward, spin_wait

    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)  # type: ignore[attr-defined]
    try:
        for function in (forward.forward, backward.backward, spin_wait.changes):
            if hasattr(function, "enable_caching"):  # not with NUMBA_DISABLE_JIT
                function.enable_caching()
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
    return Kernels(forward.forward, backward.backward)


def _features() -> str:
    """CPU features for LLVM: those that numba detects, with the widest vectors enabled.

    LLVM prefers 256-bit vectors on AVX-512, which lowered the clock of older processors; 512 bits are a fifth
    faster.
    """
    from numba.core.codegen import get_host_cpu_features

    features = get_host_cpu_features()
    return f"{features},-prefer-256-bit" if "+avx512f" in features else features


def _compile(loaded: Any, folder: Path | None, dtype: np.dtype) -> None:
    """Compile the kernels for a dtype, or load them from the cache."""
    if not hasattr(loaded.forward, "compile"):  # NUMBA_DISABLE_JIT: the kernels are plain Python functions
        return
    assert folder is not None
    with _locked(folder):
        record = _record(folder)
        if dtype.name not in record.get("dtypes", []):
            log.info("Compiling the fused engine for %s, once; it is kept in %s.", dtype.name, folder)
        for kernel in (loaded.forward, loaded.backward):
            kernel.disable_compile(False)
            kernel.compile(_signature(kernel.py_func, dtype))
            # Arguments of other types are an error and do not compile further kernels.
            kernel.disable_compile()
        new = {"dtypes": sorted({*record.get("dtypes", []), dtype.name}), "files": _digests(folder)}
        if new != record:
            part = folder / f"{RECORD}.part"
            part.write_text(json.dumps(new, indent=2), encoding="utf-8")
            part.replace(folder / RECORD)


def _signature(function: Callable[..., None], dtype: np.dtype) -> tuple[Any, ...]:
    """Numba types of a kernel's annotated arguments: integers, numbers of the dtype, arrays and NamedTuples."""
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
    """A new lock for a forked child: a thread of the parent may have held the old one."""
    global _compiling
    _compiling = threading.RLock()


os.register_at_fork(after_in_child=_reset_after_fork)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A lock on a folder between processes: a second process waits, then loads the compiled kernels."""
    try:
        import fcntl
    except ImportError:  # not on every system; two processes may then both compile
        yield
        return
    with (folder / "lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
