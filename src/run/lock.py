"""Lock of a folder, so that one process at a time writes to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..settings.errors import ConfigError

#: File that is locked by the process that writes to the folder.
LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Context in which this process alone may write to a folder. The lock is released when the process dies.

    Raises:
        ConfigError: another process has the lock, or the file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # `is_held` of another process takes the lock for a moment.
        with FileLock(folder / LOCK, timeout=1):
            yield
    except Timeout:
        raise ConfigError(
            f"hydra.run.dir={str(folder)!r}: another process is writing to it; must be a folder of its own"
        ) from None
    except NotImplementedError:
        raise ConfigError(
            f"hydra.run.dir={str(folder)!r}: its file system has no locks (flock) to keep two processes apart; "
            "must be on one that has (Lustre has them where it is mounted with -o flock)"
        ) from None


def is_held(folder: Path) -> bool:
    """Whether a process is writing to a run folder now."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True
