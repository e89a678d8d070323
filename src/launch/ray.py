"""Jobs of a sweep on a Ray cluster: sent out one by one, and what they leave brought home.

Ray is used directly. Hydra's plugin for it leaves the results where they were made, ends a sweep with the first
machine that is lost, and needs a cloudpickle that joblib no longer works with.
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

from src.launch import ray_cluster, sweep
from src.launch.ray_worker import Left, Worker, pack, unpack
from src.run import lock
from src.run.ending import Ending
from src.run.folder import RunFolder
from src.settings import cli
from src.settings.errors import ConfigError
from src.settings.job import Job

is_here = False
TARGET = f"{__name__}.launch"
#: Seconds that a stopped job has to write its checkpoint and come home.
GRACE = 60.0
#: Exit codes of a job that was told to stop, the second before it could write anything.
STOPPED = (130, -signal.SIGTERM)


def check(settings: Mapping[str, Any]) -> None:
    """Refuse what a cluster cannot be asked for, and a machine without Ray."""
    ray_cluster.read(settings)


def workers(settings: Mapping[str, Any]) -> int:
    """Jobs that a cluster such as this machine runs at a time; how large it is is not known yet."""
    its = ray_cluster.read(settings)
    return max(1, int((its.init.get("num_cpus") or os.cpu_count() or 1) / (its.remote.get("num_cpus") or 1)))


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Run what is left of a sweep on the cluster; a job's folder is as if it had been run here.

    Args:
        jobs: of the sweep; those that are done, or that other processes are at, are left as they are.
        folder: of the sweep, held meanwhile.

    Returns:
        The exit code: 1 where a job is not done, 130 where the user stopped the sweep.
    """
    left_out = sweep.DONE if jobs[0].composed.retry_failed else (*sweep.DONE, "failed")
    todo = deque(job for job in jobs if is_free(job) and sweep.standing(job.folder).standing not in left_out)
    with lock.held(folder):
        code = Crew(ray_cluster.read(jobs[0].launcher), folder).work(todo) if todo else 0
    failed = any(sweep.standing(job.folder).standing not in sweep.DONE for job in jobs)
    return code or int(failed)


def is_free(job: Job) -> bool:
    """Whether no process is at a job; one that is gets told."""
    held = lock.is_held(job.folder)
    if held:
        print(f"{job.folder.name}: another process is at it; left to it", flush=True)
    return not held


@contextmanager
def like_ctrl_c() -> Iterator[None]:
    """SIGTERM, and the SIGHUP of a terminal that is closed, are a KeyboardInterrupt as Ctrl-C is."""
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Out(NamedTuple):
    """A job that is out, and the worker that has it."""

    job: Job
    worker: Any
    begun: Any  # is there once Ray has found a place for the worker
    hold: ExitStack  # of its folder here, which nobody else may go on with meanwhile


class Crew:
    """Jobs that are out, and the workers that have them."""

    def __init__(self, its: ray_cluster.Settings, folder: Path) -> None:
        import ray

        self.ray: Any = ray
        self.its, self.folder = its, folder
        self.out: dict[Any, Out] = {}
        self.lost: dict[Path, int] = {}

    def work(self, todo: deque[Job]) -> int:
        """Send jobs out as there is room for them, and take in what comes back; returns the exit code.

        Raises:
            ConfigError: no cluster, one that no job fits into, or what jobs left cannot be written here.
        """
        try:
            with ExitStack() as end:
                end.callback(self.ray.shutdown)
                ray_cluster.join(self.ray, self.its)
                ray_cluster.check_size(self.ray, self.its)
                end.enter_context(like_ctrl_c())
                end.callback(self.stop)
                while todo or self.out:
                    while todo and len(self.out) < self.room():
                        self.send(todo.popleft())
                    for done in self.ray.wait(list(self.out), num_returns=1)[0]:
                        again = self.take_in(done)
                        if again is not None:
                            todo.append(again)
            return 0
        except KeyboardInterrupt:
            return 130
        except OSError as error:
            again_with = cli.argument("resume", self.folder)
            raise ConfigError(f"{self.folder}: {error}; must be mended, then {again_with} goes on") from error

    def room(self) -> int:
        """Jobs that may be out: more than run at once, for that is how a cluster learns that it should grow."""
        for_one = self.its.remote.get("num_cpus") or 1
        return 2 * max(1, int(self.ray.cluster_resources().get("CPU", 1) / for_one))

    def send(self, job: Job) -> None:
        """Give a job to a worker of its own, unless somebody else has begun or done it meanwhile."""
        if not is_free(job) or sweep.standing(job.folder).standing in sweep.DONE:
            return
        with ExitStack() as hold:
            hold.enter_context(lock.held(job.folder))
            worker = self.ray.remote(**ray_cluster.CONCURRENCY, **self.its.remote)(Worker).remote()
            begun = worker.begin.remote()
            before = pack(job.folder) if (job.folder / "config.yaml").exists() else None
            self.out[worker.run.remote(job._replace(side_by_side=True), before)] = Out(
                job, worker, begun, hold.pop_all()
            )

    def let_go(self, done: Any) -> None:
        """End the worker of a job, and leave its folder to others."""
        one = self.out.pop(done)
        one.hold.close()
        self.ray.kill(one.worker)

    def take_in(self, done: Any) -> Job | None:
        """Put what a job left into its folder; returns the job where it is to be sent out again.

        It is out until all is in its place: whatever comes between, it can be taken in once more.
        """
        job = self.out[done].job
        name = job.folder.name
        try:
            left: Left = self.ray.get(done)
        except self.ray.exceptions.RayError as fault:
            self.let_go(done)
            self.lost[job.folder] = self.lost.get(job.folder, 0) + 1
            again = self.lost[job.folder] <= self.its.retries
            print(f"{name}: lost ({str(fault).splitlines()[0]}){', sent out again' if again else ''}", flush=True)
            return job if again else None
        unpack(left.folder, job.folder)
        run = RunFolder(job.folder)
        if left.code not in (0, *STOPPED) and not run.holds_run() and not run.metrics_file.exists():
            run.write_metrics(Ending.of("error", f"ended with exit code {left.code}").entries())
        self.let_go(done)
        standing = sweep.standing(job.folder)
        print(f"{name}: {standing.standing}", flush=True)
        if standing.standing not in sweep.DONE:
            print(left.printed, flush=True)
        print(f"sweep: {sweep.progress(sweep.standings(self.folder))}\n", flush=True)
        return None

    def stop(self) -> None:
        """Stop the jobs that are out, and take in how far they have come; told again, what is there already."""
        if not self.out:
            return
        print("\nstopping the jobs that are out", flush=True)
        self.its = self.its._replace(retries=0)
        until = time.monotonic() + GRACE
        try:
            self.tell_to_stop()
        except KeyboardInterrupt:
            until = 0.0
        while self.out:
            try:
                left = max(0.0, until - time.monotonic())
                back, _ = self.ray.wait(list(self.out), num_returns=1, timeout=left)
                if not back:
                    break
                try:
                    self.take_in(back[0])
                except (OSError, tarfile.TarError) as error:  # the others may fare better
                    print(f"{self.out[back[0]].job.folder.name}: cannot be brought home ({error})", flush=True)
                    self.let_go(back[0])
            except KeyboardInterrupt:
                until = 0.0
        for done, one in list(self.out.items()):
            print(f"{one.job.folder.name}: has not stopped in time", flush=True)
            self.let_go(done)

    def tell_to_stop(self) -> None:
        """Have jobs end with a checkpoint; those that have found no place yet have nothing to bring home."""
        begun, _ = self.ray.wait([one.begun for one in self.out.values()], num_returns=len(self.out), timeout=0)
        for done, one in list(self.out.items()):
            if one.begun in begun:
                one.worker.stop.remote()
            else:
                self.let_go(done)
