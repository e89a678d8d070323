"""The sweeps of a study: `python -m src.train` as a subprocess, to begin a sweep or to resume it."""

from typing import NamedTuple

from ..common.paths import module
from ..common.subprocesses import run_module
from ..launch import sweep
from ..run.ending import DONE
from ..settings import cli
from ..settings.errors import ConfigError
from .plan import Sweep
from .remaining import remaining


class LaunchOptions(NamedTuple):
    """How the jobs of sweeps are launched."""

    workers: int  # jobs in parallel on this machine
    retry_failed: bool
    launcher: str | None = None  # a choice of hydra/launcher; None: this machine


def run_sweep(of: Sweep, options: LaunchOptions) -> None:
    """Begin or resume a sweep, until each of its jobs has finished or diverged.

    Raises:
        ConfigError: failed jobs, or jobs that another process is running.
        KeyboardInterrupt: the user stopped it.
    """
    if remaining(of, options.retry_failed):
        if (of.folder / "sweep.json").exists() and _count(of, "running"):
            raise ConfigError(f"{of.folder}: is being run by another process; must be left to end")
        print(f"\n{of.name}: {of.folder}", flush=True)
        code = run_module(command(of, options))
        if not (of.folder / "sweep.json").exists():
            raise ConfigError(f"{of.name}: could not begin (exit code {code})")
    else:
        print(f"{of.name}: no jobs remain", flush=True)
        code = 0
    failed = [job for job in sweep.statuses(of.folder) if job.status == "failed"]
    if failed:
        raise ConfigError(
            f"{of.name}: {len(failed)} failed, the first with: {failed[0].metrics.get('error')}; see {of.folder}; "
            "fix that, then repeat the command with retry_failed=true"
        )
    waiting = [job for job in sweep.statuses(of.folder) if job.status not in DONE]
    if waiting:
        raise ConfigError(
            f"{of.name}: ended with exit code {code} and {len(waiting)} jobs to do in {of.folder}; "
            "repeat the command to resume"
        )


def _count(of: Sweep, status: str) -> int:
    return sum(job.status == status for job in sweep.statuses(of.folder))


def command(of: Sweep, options: LaunchOptions) -> list[str]:
    """The command line that runs the remaining jobs of a sweep."""
    launcher = ["hydra/launcher=basic"]
    if options.launcher is not None:
        launcher = [f"hydra/launcher={options.launcher}"]
    elif options.workers > 1:
        launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={options.workers}"]
    if (of.folder / "sweep.json").exists():
        retry = ["retry_failed=true"] if options.retry_failed else []
        return [module("train"), f"resume={cli.quoted(of.folder)}", *retry, *launcher]
    return [module("train"), "-m", *of.overrides, *launcher, f"hydra.sweep.dir={cli.quoted(of.folder)}"]
