"""The journal of a search: a line for each thing that happened, appended by several processes and machines."""

import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock


class Journal(JournalFileBackend):
    """A journal of Optuna whose last line may have been torn, by a full disk or by a machine that went down.

    Optuna itself reads on up to such a line, but would append the next one to it, and then read neither.
    """

    def __init__(self, path: Path) -> None:
        # The lock of Optuna that needs no links: another machine may know the folder by another path.
        self.path, self.lock = path, JournalFileOpenLock(str(path))
        super().__init__(str(path), lock_obj=self.lock)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.lock.acquire()
        try:
            cut_torn_line(self.path)
        finally:
            self.lock.release()
        super().append_logs(logs)


def cut_torn_line(path: Path) -> None:
    """Cut off what follows the last end of a line."""
    with path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            file.seek(end - 1)
            if file.read(1) == b"\n":
                break
            end -= 1
        if end < size:
            file.truncate(end)
