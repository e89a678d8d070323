"""Jobs of a sweep on a Ray cluster: sent out one by one, and what they leave brought home.

Ray is used directly. Hydra's plugin for it leaves the results where they were made, ends a sweep with the first
machine that is lost, and needs a cloudpickle that joblib no longer works with.
"""

import logging
import os
import signal
import tarfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from src.common import checks
from src.common.files import write_json
from src.common.paths import ROOT
from src.launch import sweep
from src.launch.worker import Left, Worker, pack, unpack
from src.run import lock, provenance, resume
from src.settings import cli, errors
from src.settings.errors import ConfigError

TARGET = f"{__name__}.carry_out"
WHERE = "hydra.launcher.ray."
#: The address of a cluster that is started here.
OWN = "local"
#: What of the project a job needs; all else stays at home.
LEFT_OUT = ("/outputs/", "/.git/", "/.venv/", "/tests/", "/notebooks/", "__pycache__/")
#: A worker runs its job and can be told to stop.
CONCURRENCY = {"max_concurrency": 2}
#: Seconds that a stopped job has to write its checkpoint and come home.
GRACE = 60.0
#: Exit codes of a job that was told to stop, the second before it could write anything.
STOPPED = (130, -signal.SIGTERM)


class Settings(NamedTuple):
    """conf/hydra/launcher/ray.yaml."""

    init: dict[str, Any]  # of ray.init
    remote: dict[str, Any]  # what a job is given
    retries: int


def settings(launcher: Mapping[str, Any]) -> Settings:
    """The settings of the launcher.

    Raises:
        ConfigError: one that cannot be used, or no Ray.
    """
    init, remote = dict(launcher["ray"]["init"]), dict(launcher["ray"]["remote"])
    address = init.get("address")
    if address is not None and not (isinstance(address, str) and address):
        raise ConfigError(f"{WHERE}init.address={address!r}: must be null, auto or the address of a cluster")
    init["address"] = address or OWN  # Ray takes none for the cluster that RAY_ADDRESS or this machine has
    retries = errors.check(f"{WHERE}remote.", checks.integer, "max_retries", remote.pop("max_retries", 0), least=0)
    for key in ("num_cpus", "num_gpus"):
        errors.check(f"{WHERE}remote.", checks.number, key, remote.get(key, 0), least=0)
    try:
        import ray
    except ImportError:
        raise ConfigError("hydra/launcher=ray: needs ray, which `make ray` installs") from None
    kind: Any = ray.remote
    for key, value in remote.items():
        try:
            kind(**CONCURRENCY, **{key: value})(Worker)
        except (TypeError, ValueError) as error:
            told = " ".join(str(error).partition(". ")[0].split())
            raise ConfigError(f"{WHERE}remote.{key}={value!r}: {told}; must be what Ray gives an actor") from error
    return Settings(init, remote, retries)


def arguments(job: cli.Job) -> tuple[list[str], bytes | None]:
    """The command line of a job for its worker, and what it has of its run already."""
    begun = (job.folder / "config.yaml").exists()
    own = ("resume", "retry_failed", "dry_run")
    given = [
        text
        for text, one in zip(job.overrides, cli.parsed(job.overrides), strict=True)
        if not one.key_or_group.startswith("hydra") and one.key_or_group not in own
        if not begun or one.key_or_group in resume.SWEEP_CHANGES
    ]
    given.append("trainer.enable_progress_bar=false")
    return given, pack(job.folder) if begun else None


def carry_out(jobs: Sequence[cli.Job], folder: Path, retry_failed: bool) -> int:
    """Run what is left of a sweep on the cluster; a job's folder is as if it had been run here.

    Args:
        jobs: of the sweep; those that are done, or that other processes are at, are left as they are.
        folder: of the sweep, held meanwhile.
        retry_failed: try those that failed again, too.

    Returns:
        The exit code: 1 where a job is not done, 130 where the user stopped the sweep.
    """
    left_out = sweep.DONE if retry_failed else (*sweep.DONE, "failed")
    todo = deque(job for job in jobs if is_free(job) and sweep.standing(job.folder).standing not in left_out)
    with lock.held(folder):
        code = Crew(settings(jobs[0].launcher), folder).work(todo) if todo else 0
    failed = any(sweep.standing(job.folder).standing not in sweep.DONE for job in jobs)
    return code or int(failed)


def is_free(job: cli.Job) -> bool:
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

    job: cli.Job
    worker: Any
    begun: Any  # is there once Ray has found a place for the worker
    hold: ExitStack  # of its folder here, which nobody else may go on with meanwhile


class Crew:
    """Jobs that are out, and the workers that have them."""

    def __init__(self, its: Settings, folder: Path) -> None:
        import ray

        self.ray: Any = ray
        self.its, self.folder = its, folder
        self.out: dict[Any, Out] = {}
        self.lost: dict[Path, int] = {}

    def work(self, todo: deque[cli.Job]) -> int:
        """Send jobs out as there is room for them, and take in what comes back; returns the exit code.

        Raises:
            ConfigError: no cluster, one that no job fits into, or what jobs left cannot be written here.
        """
        try:
            with ExitStack() as end:
                end.callback(self.ray.shutdown)
                self.begin()
                self.check_size()
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

    def begin(self) -> None:
        """Join the cluster, or start one.

        Raises:
            ConfigError: there is none, or it cannot be started.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # a busy machine takes its time
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        variables = {"OMP_NUM_THREADS": "1", provenance.REVISION: str(provenance.git_revision() or "")}
        code = {"working_dir": str(ROOT), "excludes": list(LEFT_OUT), "env_vars": variables}
        own = {"include_dashboard": False} if self.its.init["address"] == OWN else {}
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is started here outlives the terminal
        try:
            self.ray.init(**{"runtime_env": code, **own, **quiet, **self.its.init})
        except (ConnectionError, RuntimeError, TypeError, ValueError, OSError) as error:
            raise ConfigError(
                f"{WHERE}init={self.its.init}: {str(error).strip().splitlines()[0]}; must be what ray.init takes, "
                "with the address of a running cluster, or null to start one here"
            ) from error
        finally:
            signal.signal(signal.SIGHUP, hangup)

    def check_size(self) -> None:
        """Refuse what no machine has, for Ray would wait for one; a cluster that others keep may get one yet.

        Raises:
            ConfigError: there is none in a cluster of our own.
        """
        its = self.its.remote
        named = {"CPU": its.get("num_cpus"), "GPU": its.get("num_gpus"), "memory": its.get("memory")}
        wanted = {name: amount for name, amount in (named | (its.get("resources") or {})).items() if amount}
        machines = [one["Resources"] for one in self.ray.nodes() if one["Alive"]]
        if any(all(one.get(name, 0) >= amount for name, amount in wanted.items()) for one in machines):
            return
        most = {name: max((one.get(name, 0) for one in machines), default=0) for name in wanted}
        told = f"{WHERE}remote={its}: no machine has that; must be within {most}"
        if self.its.init["address"] == OWN:
            raise ConfigError(told)
        print(f"{told}; jobs wait till one joins the cluster", flush=True)

    def room(self) -> int:
        """Jobs that may be out: more than run at once, for that is how a cluster learns that it should grow."""
        for_one = self.its.remote.get("num_cpus") or 1
        return 2 * max(1, int(self.ray.cluster_resources().get("CPU", 1) / for_one))

    def send(self, job: cli.Job) -> None:
        """Give a job to a worker of its own, unless somebody else has begun or done it meanwhile."""
        if not is_free(job) or sweep.standing(job.folder).standing in sweep.DONE:
            return
        with ExitStack() as hold:
            hold.enter_context(lock.held(job.folder))
            worker = self.ray.remote(**CONCURRENCY, **self.its.remote)(Worker).remote()
            begun = worker.begin.remote()
            self.out[worker.run.remote(*arguments(job))] = Out(job, worker, begun, hold.pop_all())

    def let_go(self, done: Any) -> None:
        """End the worker of a job, and leave its folder to others."""
        one = self.out.pop(done)
        one.hold.close()
        self.ray.kill(one.worker)

    def take_in(self, done: Any) -> cli.Job | None:
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
        if left.code not in (0, *STOPPED) and not (job.folder / "config.yaml").exists():
            told = [*left.printed.strip().splitlines(), f"ended with exit code {left.code}"]
            error = next((line for line in told if line.startswith("error: ")), told[-1]).removeprefix("error: ")
            write_json(job.folder / "metrics.json", {"status": "failed", "error": error})
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
