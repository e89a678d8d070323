"""The lock of a folder: one process at a time writes to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from src.settings.errors import ConfigError

#: The file that is locked by the process that writes to a folder.
LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The run folder to oneself: no other process may write to it meanwhile. Whoever dies lets go of it.

    Raises:
        ConfigError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Whoever only looks whether it is held has it for a moment.
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
