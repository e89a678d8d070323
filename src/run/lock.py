"""Lock of a folder, so that one process at a time writes to it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..settings.errors import ConfigError

#: Errors of a file system that has no locks.
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
#: File that is locked by the process that writes to the folder.
LOCK = ".lock"


def acquired(folder: Path, timeout: float) -> FileLock | None:
    """The lock of a folder, which must exist; None where another process has it. It ends with its process.

    Args:
        folder: to lock.
        timeout: seconds to wait for the lock; -1 for ever.

    Raises:
        ConfigError: the file system has no locks; a file that merely exists would outlive a killed process.
    """
    lock = FileLock(folder / LOCK, fallback_to_soft=False)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        return None
    except OSError as fault:
        if fault.errno not in WITHOUT_LOCKS:
            raise
        raise ConfigError(
            f"the folder {str(folder)!r}: its file system has no locks (flock) to keep two processes apart; "
            "must be on one that has (Lustre has them where it is mounted with -o flock)"
        ) from None
    return lock


@contextmanager
def waited_for(folder: Path) -> Iterator[None]:
    """Context that begins when no other process has the lock of a folder.

    Raises:
        ConfigError: the file system has no locks.
    """
    lock = acquired(folder, timeout=-1)
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Context in which this process alone may write to a folder. The lock is released when the process dies.

    Raises:
        ConfigError: another process has the lock, or the file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = acquired(folder, timeout=1)  # `is_held` of another process takes the lock for a moment
    if lock is None:
        raise ConfigError(
            f"hydra.run.dir={str(folder)!r}: another process is writing to it; must be a folder of its own"
        )
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a process is writing to a run folder now."""
    if not (folder / LOCK).exists():
        return False
    lock = acquired(folder, timeout=0.2)  # another process may look at this moment, which takes the lock, too
    if lock is not None:
        lock.release()
    return lock is None
