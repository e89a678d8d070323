"""Journal of a search: a log of Optuna's operations, one a line, appended by several processes and machines."""

import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock


class Journal(JournalFileBackend):
    """Journal of Optuna that removes an incomplete last line, left by a full disk or a machine that went down.

    Optuna ignores such a line when it reads, but would append the next one to it and then could read neither.
    """

    def __init__(self, path: Path) -> None:
        # A lock of Optuna without symbolic links, which fail where machines mount the folder at different paths.
        self.path, self.lock = path, JournalFileOpenLock(str(path))
        super().__init__(str(path), lock_obj=self.lock)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.lock.acquire()
        try:
            cut_incomplete_line(self.path)
        finally:
            self.lock.release()
        super().append_logs(logs)


def cut_incomplete_line(path: Path) -> None:
    """Truncate a file after the last newline."""
    with path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            file.seek(end - 1)
            if file.read(1) == b"\n":
                break
            end -= 1
        if end < size:
            file.truncate(end)
