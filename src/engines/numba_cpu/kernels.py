"""Compiled kernels and their cache on disk.

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
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...common import paths
from . import compiler

log = logging.getLogger(__name__)
SOURCES = Path(__file__).parent
#: Default cache folder; the environment variable NUMBA_CACHE_DIR sets another one.
CACHE = paths.CACHE / "fused"
#: File that is locked by the process that compiles; every folder of kernels has one.
LOCK = "lock"
#: Days after which kernels are removed that no process has used.
KEPT_DAYS = 30
#: File with the digests of the cached files, to detect damage, and what was compiled, such as "ntm float32".
RECORD = "record.json"

_loaded: Any = None
_folder: Path | None = None
_ready: set[tuple[str, np.dtype]] = set()
_compiling = threading.RLock()


@cache
def missing() -> str | None:
    """The reason why kernels cannot be compiled on this computer; None if they can."""
    try:
        import numba  # noqa: F401
    except Exception as error:  # not installed, or built for another processor
        return f"numba cannot be imported ({type(error).__name__}: {error})"
    return None


def kernels(kind: str, dtype: np.dtype) -> tuple[Callable[..., None], Callable[..., None]]:
    """`forward.forward` and `backward.backward`, compiled for a kind of machine in `plan.PLANS` and a dtype."""
    ready(kind, dtype)
    return _loaded.forward, _loaded.backward


def dnc_kernels(dtype: np.dtype) -> tuple[Callable[..., None], Callable[..., None]]:
    """`dnc_forward.forward` and `dnc_backward.backward`, compiled for a dtype."""
    ready("dnc", dtype)
    return _loaded.dnc_forward, _loaded.dnc_backward


def gru_kernels(dtype: np.dtype) -> tuple[Callable[..., None], Callable[..., None]]:
    """`gru_layer.forward` and `gru_layer.backward`, compiled for a dtype."""
    ready("gru", dtype)
    return _loaded.gru_forward, _loaded.gru_backward


def ready(kind: str, dtype: np.dtype) -> None:
    """Compile one of `compiler.KINDS` for a dtype, or load it from the cache, unless that was done before."""
    if (kind, dtype) not in _ready:
        with _compiling:  # a second thread waits, then finds them compiled
            _make_ready(kind, dtype)


def _make_ready(kind: str, dtype: np.dtype) -> None:
    global _loaded, _folder
    if _loaded is None:
        _folder = _prepare()
        _loaded = compiler.load(_folder)
    if (kind, dtype) not in _ready:
        _compile(_loaded, _folder, kind, dtype)
        _ready.add((kind, dtype))


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
    _remove_unused(base, folder)
    with _locked(folder):
        if _digests(folder) != _record(folder).get("files", {}):
            log.warning("The kernels in %s are damaged; compiling them anew.", folder)
            for path in _files(folder):
                path.unlink()
            (folder / RECORD).unlink(missing_ok=True)
    return folder


def _remove_unused(base: Path, own: Path) -> None:
    """Remove the kernels of other versions that no process has used for long, and note a use of those in `own`."""
    with contextlib.suppress(OSError):  # another process may remove them, too; the cache is good without
        os.utime(own)
        oldest = time.time() - KEPT_DAYS * 24 * 3600
        for lock in base.glob(f"{'[0-9a-f]' * 16}/{LOCK}"):
            if lock.parent.stat().st_mtime < oldest:
                shutil.rmtree(lock.parent)


def _name() -> str:
    """Digest of all that a kernel depends on: sources and their path, numba, LLVM, the processor."""
    import llvmlite
    import numba

    parts = [str(SOURCES), numba.__version__, llvmlite.__version__, llvmlite.binding.get_host_cpu_name()]
    digest = hashlib.sha256("\n".join(parts).encode())
    for path in sorted(SOURCES.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _compile(loaded: compiler.Kernels, folder: Path | None, kind: str, dtype: np.dtype) -> None:
    """Load the kernels of a kind for a dtype from the cache, which subprocesses fill first if need be."""
    if not hasattr(loaded.forward, "compile"):  # NUMBA_DISABLE_JIT: the kernels are plain Python functions
        return
    assert folder is not None
    with _locked(folder):
        record = _record(folder)
        compiled = f"{kind} {dtype.name}"
        if compiled not in record.get("compiled", []):
            log.info("Compiling the fused engine of %s for %s, once; it is kept in %s.", kind, dtype.name, folder)
            if reason := compiler.compile_in_subprocesses(folder, kind, dtype):
                log.warning("The fused engine is compiled in this process: a subprocess failed (%s).", reason)
        compiler.compile_or_load(loaded, chain(*compiler.KINDS[kind]), kind, dtype)
        new = {"compiled": sorted({*record.get("compiled", []), compiled}), "files": _digests(folder)}
        if new != record:
            part = folder / f"{RECORD}.part"
            part.write_text(json.dumps(new, indent=2), encoding="utf-8")
            part.replace(folder / RECORD)


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
    with (folder / LOCK).open("w", encoding="utf-8") as file:
        with contextlib.suppress(OSError):  # nor on every file system
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
