"""Running of one job: alone, in a sweep, on a cluster, or as a trial of a search."""

import logging
import os
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hydra.core.utils import configure_log
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from ..common import output
from ..common.subprocesses import STOPPED
from ..common.text import table
from ..lit import baselines, objectives
from ..run import resume as resumption
from ..run.ending import DONE, Ending
from ..run.folder import RunFolder
from ..run.parts import Parts, assemble
from ..run.train import Outcome, objective_value, resume, train
from ..settings import cli, hydra_job, keys
from ..settings.errors import ConfigError
from ..settings.job import Job
from . import sweep

log = logging.getLogger(__name__)


class Checked(NamedTuple):
    """A run whose objects are made, but whose folder is not."""

    parts: Parts
    records: list[logging.LogRecord]  # logged meanwhile, for the log of the run


def check(job: Job) -> Checked:
    """Make the objects of a new run; writes nothing.

    Raises:
        ConfigError: a job that cannot be run.
    """
    RunFolder(job.folder).check_new()
    with log_kept() as records:
        return Checked(assemble(keys.resolve(job.config), Path(os.path.abspath(job.folder))), records)


@contextmanager
def log_kept() -> Iterator[list[logging.LogRecord]]:
    """Context in which log records are kept in a list instead of printed."""
    records: list[logging.LogRecord] = []
    handler, root = logging.Handler(), logging.root
    handler.emit = records.append  # type: ignore[method-assign, assignment]
    before = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield records
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])


def run_job(job: Job, extra_callbacks: Sequence[Callback] = (), checked: Checked | None = None) -> Outcome:
    """Begin the run of a job, or resume the run in the job's folder.

    Single runs, sweeps, all launchers and searches call this function.

    Args:
        job: the job.
        extra_callbacks: callbacks in addition to those of the configuration, which only observe.
        checked: of `check`, if already made.

    Raises:
        ConfigError: a run that can be neither begun nor resumed.
    """
    folder = Path(os.path.abspath(job.folder))
    begun = RunFolder(folder).holds_run()

    def work(cfg: DictConfig) -> Outcome:
        for record in checked.records if checked else ():
            logging.getLogger(record.name).handle(record)
        if job.side_by_side:
            torch.set_num_threads(1)  # fastest for parallel jobs; progress bars would mix
            cfg.trainer.enable_progress_bar = False
        if begun:
            return resume(folder, changes(cfg, job.overrides), extra_callbacks)
        return train(cfg, folder, extra_callbacks, checked.parts if checked else None)

    # The command line that began the run stays in .hydra/.
    return hydra_job.call(job, work, keep=not begun)


def changes(cfg: DictConfig, overrides: list[str]) -> dict[str, Any]:
    """The changes that overrides make to a resumed run, of the keys in `src.run.resume.CHANGES`."""
    given = {one.key_or_group for one in cli.parsed(overrides)}
    plain = keys.resolve(cfg)
    values = {"logger": plain["logger"]} | {f"trainer.{key}": value for key, value in plain["trainer"].items()}
    if not plain["trainer"]["enable_progress_bar"]:
        given.add("trainer.enable_progress_bar")
    return {key: values[key] for key in resumption.CHANGES if key in given}


def run_single(job: Job, checked: Checked | None = None) -> None:
    """Run the single job of a command, and print how it ended.

    Raises:
        ConfigError: it failed or diverged.
        SystemExit: the user stopped it.
    """
    prepare_process()
    outcome = run_job(job, checked=checked)
    print_outcome(outcome, job.folder)
    if outcome.metrics["status"] == "diverged":
        raise ConfigError(outcome.metrics["error"])


def run_in_sweep(job: Job) -> float | Exception:
    """Run a job of a sweep if it is not done; returns the objective value, or the exception that it failed with.

    Raises:
        SystemExit: the user, or the cluster, stopped it.
    """
    prepare_process()
    try:
        return _run_in_sweep(job)
    except Exception as failure:
        return _sendable(failure)


def _sendable(failure: Exception) -> Exception:
    """A failure as another process can receive it: one that cannot be pickled would end the whole pool."""
    try:
        pickle.loads(pickle.dumps(failure))
    except Exception:  # whatever the code of its class raises
        if isinstance(failure, ConfigError):
            return ConfigError(str(failure))
        sent = RuntimeError(f"{type(failure).__name__}: {failure}")
        sent.__cause__ = failure  # for this process; it is not pickled
        return sent
    return failure


def _run_in_sweep(job: Job) -> float:
    assert job.sweep is not None
    before, folder = sweep.status_of(job.folder), job.folder
    if before.status == "running":
        raise ConfigError(f"{folder.name}: another process is running it; must be left to end")
    if before.status in DONE:
        return objective_value(before.metrics)
    if before.status == "failed" and not job.composed.retry_failed:
        error = before.metrics.get("error")
        hint = "; retry_failed=true tries it again" if before.ending and before.ending.worth_a_retry else ""
        raise ConfigError(f"{folder.name} failed before: {error}{hint}")
    try:
        outcome = run_job(job)
    except ConfigError as refusal:
        # The job's folder records why it failed; the folder of a run that has begun is not touched.
        if not RunFolder(folder).holds_run():
            RunFolder(folder).write_metrics(Ending.of("refused", str(refusal)).entries())
        log.error("%s", refusal)
        raise
    finally:
        jobs = sweep.statuses(job.sweep)
        others = sum(one.status == "running" for one in jobs)
        print(f"\nsweep: {sweep.progress(jobs, others + 1)}\n")  # this process takes a job next, if there is one
    print_outcome(outcome, folder)
    return outcome.value


def prepare_process() -> None:
    """Prepare a process for jobs, so that a closed output or a full disk does not end it."""
    output.protect_standard_streams()
    # A full disk is reported once, not for every line of the log and by TensorBoard's writer thread.
    logging.raiseExceptions = False
    threading.excepthook = lambda fault: log.error("%s: %s", fault.exc_type.__name__, fault.exc_value)


def print_outcome(outcome: Outcome, folder: Path) -> None:
    """Print the test metrics, with their baselines, and the ending of a run.

    Raises:
        ConfigError: the run failed.
        SystemExit: the user stopped it.
    """
    metrics, folder = outcome.metrics, Path(os.path.abspath(folder))
    below = baselines.of_tests(metrics["test"], metrics.get("baselines", {}))
    tested = table(metrics["test"], below, lambda name: not objectives.is_detail(name))
    print(f"\n{tested}\n\n{metrics['status']}: {folder}")
    if metrics["status"] == "stopped" and metrics["error"]:
        print(f"{metrics['error']}; {cli.argument('resume', folder)} resumes from there")
    if metrics["status"] == "failed":
        raise ConfigError(f"{metrics['error']}; see {folder / 'train.log'}")
    if outcome.ending.cause == "user":
        sys.exit(STOPPED)


def announce(jobs: Sequence[Job], how: str) -> None:
    """Log that jobs are launched, as Hydra does."""
    log_as_hydra(jobs[0])
    log.info("Launching %d jobs %s", len(jobs), how)


def announce_one(job: Job) -> None:
    """Log which job is launched, as Hydra does."""
    log.info("\t#%d : %s", job.number, " ".join(one for one in job.overrides if not one.startswith("hydra.")))


def log_as_hydra(job: Job) -> None:
    """Log as hydra.hydra_logging says, no longer into the folder of a job."""
    configure_log(job.composed.hydra.hydra_logging, job.composed.hydra.verbose)


@contextmanager
def losses(others: str) -> Iterator[None]:
    """Context in which the loss of a job with its process is raised as a ConfigError, in one line.

    Args:
        others: what becomes of the other jobs, for the message.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as fault:
        lines = [line for line in str(fault).splitlines() if line.strip()] or [type(fault).__name__]
        raise ConfigError(f"a job was lost: {lines[0]}; {others}; resume runs the rest") from fault


def exit_code(results: Sequence[float | Exception]) -> int:
    """The exit code of a sweep whose jobs have all ended.

    Raises:
        Exception: the first exception of a job.
    """
    for one in results:
        if isinstance(one, Exception):
            raise one
    return 0
