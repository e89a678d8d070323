"""Ray worker: runs one job in a scratch folder, which is returned as an archive."""

import io
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections import deque
from pathlib import Path
from typing import NamedTuple

from ..common.files import whole_folder
from ..common.paths import CHECKOUT, module
from ..run import lock
from ..run.ending import Ending
from ..run.folder import RunFolder
from ..settings import cli
from ..settings.errors import ConfigError
from ..settings.job import Job
from .job import run_single

#: Last lines of the output of a job, which are printed if the job is not done.
TAIL = 20


class JobResult(NamedTuple):
    """Result of a job: exit code, last lines of the output, run folder as an archive."""

    code: int
    printed: str
    folder: bytes


class Worker:
    """Ray actor that runs one job in a process of its own."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False

    def ready(self) -> None:
        """Return, which shows that Ray has placed the worker."""

    def run(self, job: Job, before: bytes | None) -> JobResult:
        """Run a job, or resume the run whose folder is in the archive `before`.

        Args:
            job: the job.
            before: archive of the run folder; None for a new run.
        """
        with tempfile.TemporaryDirectory(prefix="dms_ntm_lab-") as scratch:
            folder, pickled = Path(scratch) / "run", Path(scratch) / "job.pickle"
            if before is not None:
                unpack(before, folder)
            pickled.write_bytes(pickle.dumps(job._replace(folder=folder)))
            with subprocess.Popen(
                [sys.executable, "-m", module("launch.ray_worker"), str(pickled)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                cwd=CHECKOUT,
                start_new_session=True,  # no signals from a terminal: a second one would end the job at once
            ) as self.process:
                if self.stopped:
                    self.process.terminate()
                printed = deque(self.process.stdout or (), maxlen=TAIL)
            return JobResult(self.process.returncode, "".join(printed), pack(folder))

    def stop(self) -> None:
        """Stop the job with a checkpoint, by SIGTERM, since Ray blocks SIGINT in its processes."""
        self.stopped = True
        if self.process is not None:
            self.process.terminate()


def pack(folder: Path) -> bytes:
    """A run folder as an archive, without the lock; empty if there is no folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.name != lock.LOCK:
                archive.add(path, path.relative_to(folder), recursive=False)
    return buffer.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Replace a folder by the content of an archive, atomically; an empty archive changes nothing.

    The lock file is kept, so that a process that has locked the folder has also locked the new one.
    """
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        if content.next() is not None:
            with whole_folder(folder) as new:
                content.extractall(new, filter="data")
                if (folder / lock.LOCK).exists():
                    (new / lock.LOCK).hardlink_to(folder / lock.LOCK)


def main(job: Job) -> None:
    """Run a job; if it is refused, metrics.json in the folder says why.

    Raises:
        ConfigError: it was refused, failed or diverged.
    """
    try:
        run_single(job)
    except ConfigError as refusal:
        run = RunFolder(job.folder)
        if not run.holds_run():
            job.folder.mkdir(parents=True, exist_ok=True)
            run.write_metrics(Ending.of("refused", str(refusal)).entries())
        raise


if __name__ == "__main__":
    with cli.failures():
        main(pickle.loads(Path(sys.argv[1]).read_bytes()))
