"""A job of a sweep on a machine of a cluster: it runs in a folder of its own, which goes home as an archive."""

import io
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections import deque
from pathlib import Path
from typing import NamedTuple

from src.common.files import whole_folder
from src.common.paths import ROOT
from src.launch.job import alone
from src.run import lock
from src.run.ending import Ending
from src.run.folder import RunFolder
from src.settings import cli
from src.settings.errors import ConfigError
from src.settings.job import Job

#: Lines of what a job printed that are told when it did not end well.
TAIL = 20


class Left(NamedTuple):
    """What a job leaves: its exit code, the end of what it printed, its run folder as an archive."""

    code: int
    printed: str
    folder: bytes


class Worker:
    """Runs one job where Ray puts it: a process of its own, in a folder of its own."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False

    def begin(self) -> None:
        """Answer, once there is a place to run in."""

    def run(self, job: Job, before: bytes | None) -> Left:
        """Run a job, or resume the run whose folder is in the archive `before`."""
        with tempfile.TemporaryDirectory(prefix="dms_ntm_lab-") as scratch:
            folder, told = Path(scratch) / "run", Path(scratch) / "job.pickle"
            if before is not None:
                unpack(before, folder)
            told.write_bytes(pickle.dumps(job._replace(folder=folder)))
            with subprocess.Popen(
                [sys.executable, "-m", "src.launch.ray_worker", str(told)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                cwd=ROOT,
                start_new_session=True,  # no signal of a terminal besides: a second one would end it at once
            ) as self.process:
                if self.stopped:
                    self.process.terminate()
                printed = deque(self.process.stdout or (), maxlen=TAIL)
            return Left(self.process.returncode, "".join(printed), pack(folder))

    def stop(self) -> None:
        """Let the job end with a checkpoint; by SIGTERM, for Ray blocks SIGINT in whatever it starts."""
        self.stopped = True
        if self.process is not None:
            self.process.terminate()


def pack(folder: Path) -> bytes:
    """A run folder as an archive; an empty one where there is no folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.name != lock.LOCK:
                archive.add(path, path.relative_to(folder), recursive=False)
    return buffer.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Put what is in an archive in the place of a folder, whole; an empty one leaves the folder as it is.

    Whoever holds the folder holds the new one, too: it has the same lock.
    """
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        if content.next() is not None:
            with whole_folder(folder) as new:
                content.extractall(new, filter="data")
                if (folder / lock.LOCK).exists():
                    (new / lock.LOCK).hardlink_to(folder / lock.LOCK)


def main(job: Job) -> None:
    """Run a job; where it is refused, its folder says why.

    Raises:
        ConfigError: it did not end well.
    """
    try:
        alone(job)
    except ConfigError as refusal:
        run = RunFolder(job.folder)
        if not run.holds_run():
            job.folder.mkdir(parents=True, exist_ok=True)
            run.write_metrics(Ending.of("refused", str(refusal)).entries())
        raise


if __name__ == "__main__":
    with cli.failures():
        main(pickle.loads(Path(sys.argv[1]).read_bytes()))
