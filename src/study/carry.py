"""Carrying a sweep of a study out: `python -m src.train`, to begin it or to go on with it."""

from typing import NamedTuple

from src.common.subprocesses import run_module
from src.launch import sweep
from src.settings import cli
from src.settings.errors import ConfigError
from src.study.left import left
from src.study.plan import Sweep


class Crew(NamedTuple):
    """How sweeps are carried out."""

    workers: int  # jobs side by side
    retry_failed: bool
    launcher: str | None = None  # of another engine than this machine


def carry_out(of: Sweep, crew: Crew) -> None:
    """Begin a sweep, or go on with it, until each of its jobs is finished or diverged.

    Raises:
        ConfigError: jobs that failed, or that another process is at.
        KeyboardInterrupt: the user stopped it.
    """
    if left(of, crew.retry_failed):
        if (of.folder / "sweep.json").exists() and _count(of, "running"):
            raise ConfigError(f"{of.folder}: is being run by another process; must be left to end")
        print(f"\n{of.name}: {of.folder}", flush=True)
        code = run_module(command(of, crew))
        if not (of.folder / "sweep.json").exists():
            raise ConfigError(f"{of.name}: could not begin (exit code {code})")
    else:
        print(f"{of.name}: nothing is left to run", flush=True)
        code = 0
    failed = [job for job in sweep.standings(of.folder) if job.standing == "failed"]
    if failed:
        raise ConfigError(
            f"{of.name}: {len(failed)} failed, the first with: {failed[0].metrics.get('error')}; see {of.folder}; "
            "mend that, then the same command with retry_failed=true goes on"
        )
    waiting = [job for job in sweep.standings(of.folder) if job.standing not in sweep.DONE]
    if waiting:
        raise ConfigError(
            f"{of.name}: ended with exit code {code} and {len(waiting)} jobs to do in {of.folder}; "
            "the same command goes on"
        )


def _count(of: Sweep, standing: str) -> int:
    return sum(job.standing == standing for job in sweep.standings(of.folder))


def command(of: Sweep, crew: Crew) -> list[str]:
    """The command line that does what is left of a sweep."""
    launcher = ["hydra/launcher=basic"]
    if crew.launcher is not None:
        launcher = [f"hydra/launcher={crew.launcher}"]
    elif crew.workers > 1:
        launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={crew.workers}"]
    if (of.folder / "sweep.json").exists():
        again = ["retry_failed=true"] if crew.retry_failed else []
        return ["src.train", f"resume={cli.quoted(of.folder)}", *again, *launcher]
    return ["src.train", "-m", *of.overrides, *launcher, f"hydra.sweep.dir={cli.quoted(of.folder)}"]
