"""Launcher that runs the jobs of a sweep on a Ray cluster: sends each job, and collects the run folder.

Ray is used directly. Hydra's plugin for it leaves the results on the machines of the cluster, ends a sweep when a
machine is lost, and needs a cloudpickle that joblib no longer works with.
"""

import os
import signal
import tarfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..common.subprocesses import STOPPED
from ..run import lock
from ..run.ending import DONE, Ending
from ..run.folder import RunFolder
from ..settings import cli
from ..settings.errors import ConfigError
from ..settings.job import Job
from . import ray_cluster, sweep
from .ray_worker import JobResult, Worker, pack, unpack

is_here = False
TARGET = f"{__name__}.launch"
#: Seconds that a stopped job has to write a checkpoint and return its folder.
GRACE = 60.0
#: Exit codes of a stopped job; the second if it was stopped before it could write anything.
STOPPING = (STOPPED, -signal.SIGTERM)


def check(settings: Mapping[str, Any]) -> None:
    """Refuse invalid settings, and a machine without Ray."""
    ray_cluster.read(settings)


def workers(settings: Mapping[str, Any]) -> int:
    """Jobs that a cluster of the size of this machine runs at a time; the real size is not known yet."""
    read = ray_cluster.read(settings)
    return max(1, int((read.init.get("num_cpus") or os.cpu_count() or 1) / (read.remote.get("num_cpus") or 1)))


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Run the remaining jobs of a sweep on the cluster; their folders are as if they had been run here.

    Args:
        jobs: of the sweep; those that are done, or that other processes are running, are skipped.
        folder: of the sweep, locked meanwhile.

    Returns:
        The exit code: 1 if a job is not done, 130 if the user stopped the sweep.
    """
    retry = jobs[0].composed.retry_failed
    todo = deque(job for job in jobs if is_free(job) and sweep.is_left(job.folder, retry))
    with lock.held(folder):
        code = RayJobs(ray_cluster.read(jobs[0].launcher), folder).run(todo) if todo else 0
    failed = any(sweep.status_of(job.folder).status not in DONE for job in jobs)
    return code or int(failed)


def is_free(job: Job) -> bool:
    """Whether no process is running a job; prints a line if one is."""
    held = lock.is_held(job.folder)
    if held:
        print(f"{job.folder.name}: another process is running it; skipped", flush=True)
    return not held


@contextmanager
def like_ctrl_c() -> Iterator[None]:
    """Context in which SIGTERM, and SIGHUP from a closed terminal, raise KeyboardInterrupt as Ctrl-C does."""
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SentJob(NamedTuple):
    """A job that was sent to the cluster, and the worker that runs it."""

    job: Job
    worker: Any
    placed: Any  # Ray reference that is ready once the worker has a place to run
    lock: ExitStack  # of the job's folder on this machine


class RayJobs:
    """Jobs of a sweep that were sent to the cluster, by the Ray reference of their result."""

    def __init__(self, settings: ray_cluster.Settings, folder: Path) -> None:
        import ray

        self.ray: Any = ray
        self.settings, self.folder = settings, folder
        self.sent: dict[Any, SentJob] = {}
        self.losses: dict[Path, int] = {}  # by folder of a job, how often the worker was lost

    def run(self, todo: deque[Job]) -> int:
        """Send the jobs and collect their results; returns the exit code.

        Raises:
            ConfigError: no cluster, one too small for a job, or results that cannot be written on this machine.
        """
        try:
            with ExitStack() as end:
                end.callback(self.ray.shutdown)
                ray_cluster.join(self.ray, self.settings)
                ray_cluster.check_size(self.ray, self.settings)
                end.enter_context(like_ctrl_c())
                end.callback(self.stop)
                while todo or self.sent:
                    while todo and len(self.sent) < self.most_sent():
                        self.send(todo.popleft())
                    for done in self.ray.wait(list(self.sent), num_returns=1)[0]:
                        retry = self.collect(done)
                        if retry is not None:
                            todo.append(retry)
            return 0
        except KeyboardInterrupt:
            return STOPPED
        except OSError as error:
            resume = cli.argument("resume", self.folder)
            raise ConfigError(f"{self.folder}: {error}; must be fixed, then {resume} resumes it") from error

    def most_sent(self) -> int:
        """Largest number of sent jobs: twice as many as run at once, so that an autoscaling cluster grows."""
        for_one = self.settings.remote.get("num_cpus") or 1
        return 2 * max(1, int(self.ray.cluster_resources().get("CPU", 1) / for_one))

    def send(self, job: Job) -> None:
        """Send a job to a new worker, unless another process has begun or finished it meanwhile."""
        if not is_free(job) or sweep.status_of(job.folder).status in DONE:
            return
        with ExitStack() as held:
            held.enter_context(lock.held(job.folder))
            worker = self.ray.remote(**ray_cluster.CONCURRENCY, **self.settings.remote)(Worker).remote()
            placed = worker.ready.remote()
            before = pack(job.folder) if (job.folder / "config.yaml").exists() else None
            self.sent[worker.run.remote(job._replace(side_by_side=True), before)] = SentJob(
                job, worker, placed, held.pop_all()
            )

    def release(self, done: Any) -> None:
        """End the worker of a job, and release the lock of the job's folder."""
        one = self.sent.pop(done)
        one.lock.close()
        self.ray.kill(one.worker)

    def collect(self, done: Any) -> Job | None:
        """Write the result of a job into the job's folder; returns the job if it is to be sent again.

        The job counts as sent until everything is written, so that collecting can be repeated after an error.
        """
        job = self.sent[done].job
        name = job.folder.name
        try:
            result: JobResult = self.ray.get(done)
        except self.ray.exceptions.RayError as fault:
            self.release(done)
            self.losses[job.folder] = self.losses.get(job.folder, 0) + 1
            again = self.losses[job.folder] <= self.settings.retries
            print(f"{name}: lost ({str(fault).splitlines()[0]}){', sent again' if again else ''}", flush=True)
            return job if again else None
        unpack(result.folder, job.folder)
        run = RunFolder(job.folder)
        if result.code not in (0, *STOPPING) and not run.holds_run() and not run.metrics_file.exists():
            run.write_metrics(Ending.of("error", f"ended with exit code {result.code}").entries())
        self.release(done)
        status = sweep.status_of(job.folder).status
        print(f"{name}: {status}", flush=True)
        if status not in DONE:
            print(result.printed, flush=True)
        # Jobs that wait for a place in the cluster count as running, as their folders are locked.
        print(f"sweep: {sweep.progress(sweep.statuses(self.folder), self.most_sent() // 2)}\n", flush=True)
        return None

    def stop(self) -> None:
        """Stop the sent jobs and collect their results; after another signal, only those that are ready."""
        if not self.sent:
            return
        print("\nstopping the jobs that were sent", flush=True)
        self.settings = self.settings._replace(retries=0)
        until = time.monotonic() + GRACE
        try:
            self.request_stop()
        except KeyboardInterrupt:
            until = 0.0
        while self.sent:
            try:
                timeout = max(0.0, until - time.monotonic())
                ready, _ = self.ray.wait(list(self.sent), num_returns=1, timeout=timeout)
                if not ready:
                    break
                try:
                    self.collect(ready[0])
                except (OSError, tarfile.TarError) as error:  # the other jobs are still collected
                    print(f"{self.sent[ready[0]].job.folder.name}: cannot be collected ({error})", flush=True)
                    self.release(ready[0])
            except KeyboardInterrupt:
                until = 0.0
        for done, one in list(self.sent.items()):
            print(f"{one.job.folder.name}: has not stopped in time", flush=True)
            self.release(done)

    def request_stop(self) -> None:
        """Ask the running jobs to end with a checkpoint; jobs that still wait for a place are dropped."""
        waited = [one.placed for one in self.sent.values()]
        placed, _ = self.ray.wait(waited, num_returns=len(waited), timeout=0)
        for done, one in list(self.sent.items()):
            if one.placed in placed:
                one.worker.stop.remote()
            else:
                self.release(done)
