"""One job, wherever it runs: here, beside others, on a cluster, or as a trial of a search."""

import logging
import os
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

from src.common import output
from src.common.text import table
from src.launch import sweep
from src.run import resume as resumption
from src.run.ending import Ending
from src.run.folder import RunFolder
from src.run.parts import Parts, assemble
from src.run.train import Outcome, resume, train, worth
from src.settings import cli, hydra_job, keys
from src.settings.errors import ConfigError
from src.settings.job import Job

log = logging.getLogger(__name__)


class Checked(NamedTuple):
    """A run whose objects are there and whose folder is not yet."""

    parts: Parts
    told: list[logging.LogRecord]  # meanwhile, for the log of the run


def check(job: Job) -> Checked:
    """The objects of a new run; writes nothing.

    Raises:
        ConfigError: one that cannot be run.
    """
    RunFolder(job.folder).check_new()
    with _kept() as told:
        return Checked(assemble(keys.resolve(job.config), Path(os.path.abspath(job.folder))), told)


@contextmanager
def _kept() -> Iterator[list[logging.LogRecord]]:
    """Within, what is logged is kept instead of told."""
    told: list[logging.LogRecord] = []
    handler, root = logging.Handler(), logging.root
    handler.emit = told.append  # type: ignore[method-assign, assignment]
    before = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield told
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])


def run_job(job: Job, beside: Sequence[Callback] = (), checked: Checked | None = None) -> Outcome:
    """Begin the run of a job, or resume the one that is in its folder: what everything that trains goes through.

    Args:
        job: what to run.
        beside: callbacks beside those of the configuration, which look on.
        checked: what `check` gave for it.

    Raises:
        ConfigError: a run that can be neither begun nor resumed.
    """
    folder = Path(os.path.abspath(job.folder))
    begun = RunFolder(folder).holds_run()

    def work(cfg: DictConfig) -> Outcome:
        for record in checked.told if checked else ():
            logging.getLogger(record.name).handle(record)
        if job.side_by_side:
            torch.set_num_threads(1)  # which is fastest, and bars would run into one another
            cfg.trainer.enable_progress_bar = False
        if begun:
            return resume(folder, changes(cfg, job.overrides), beside)
        return train(cfg, folder, beside, checked.parts if checked else None)

    # What is there of the first command line stays as it is.
    return hydra_job.call(job, work, keep=not begun)


def changes(cfg: DictConfig, overrides: list[str]) -> dict[str, Any]:
    """What overrides change of a run that is resumed, of the keys that they may."""
    given = {one.key_or_group for one in cli.parsed(overrides)}
    plain = keys.resolve(cfg)
    values = {"logger": plain["logger"]} | {f"trainer.{key}": value for key, value in plain["trainer"].items()}
    if not plain["trainer"]["enable_progress_bar"]:
        given.add("trainer.enable_progress_bar")
    return {key: values[key] for key in resumption.CHANGES if key in given}


def alone(job: Job, checked: Checked | None = None) -> None:
    """Run the one job of a command, and tell how it ended.

    Raises:
        ConfigError: it did not end well.
        SystemExit: the user stopped it.
    """
    prepare_process()
    outcome = run_job(job, checked=checked)
    tell(outcome, job.folder)
    if outcome.metrics["status"] == "diverged":
        raise ConfigError(outcome.metrics["error"])


def of_sweep(job: Job) -> float | Exception:
    """Run what is left of a job of a sweep, if anything is; its value, or why it failed, which ends no other.

    Raises:
        SystemExit: the user, or the cluster, stopped it.
    """
    prepare_process()
    try:
        return _of_sweep(job)
    except Exception as failure:
        return failure


def _of_sweep(job: Job) -> float:
    assert job.sweep is not None
    before, folder = sweep.standing(job.folder), job.folder
    if before.standing == "running":
        raise ConfigError(f"{folder.name}: another process is at it; must be left to end")
    if before.standing in sweep.DONE:
        return worth(before.metrics)
    if before.standing == "failed" and not job.composed.retry_failed:
        error = before.metrics.get("error")
        raise ConfigError(f"{folder.name} failed before: {error}; retry_failed=true tries it again")
    try:
        outcome = run_job(job)
    except ConfigError as refusal:
        # The job's folder tells why it failed; that of a run that is there is not touched.
        if not RunFolder(folder).holds_run():
            RunFolder(folder).write_metrics(Ending.of("refused", str(refusal)).entries())
        log.error("%s", refusal)
        raise
    finally:
        print(f"\nsweep: {sweep.progress(sweep.standings(job.sweep))}\n")
    tell(outcome, folder)
    return outcome.value


def prepare_process() -> None:
    """Make a process one that runs jobs, whatever happens to its output and to the disk."""
    output.protect_standard_streams()
    # A full disk is told once, not by every line of the log and by the thread that writes TensorBoard's files.
    logging.raiseExceptions = False
    threading.excepthook = lambda fault: log.error("%s: %s", fault.exc_type.__name__, fault.exc_value)


def tell(outcome: Outcome, folder: Path) -> None:
    """Print how a run ended; one that failed is a ConfigError, one that was stopped ends the command."""
    metrics, folder = outcome.metrics, Path(os.path.abspath(folder))
    print(f"\n{table(metrics['test'])}\n\n{metrics['status']}: {folder}")
    if metrics["status"] == "stopped" and metrics["error"]:
        print(f"{metrics['error']}; {cli.argument('resume', folder)} goes on from there")
    if metrics["status"] == "failed":
        raise ConfigError(f"{metrics['error']}; see {folder / 'train.log'}")
    if outcome.ending.cause == "user":
        sys.exit(130)


def announce(jobs: Sequence[Job], how: str) -> None:
    """Log that jobs are launched, as Hydra does."""
    log_as_hydra(jobs[0])
    log.info("Launching %d jobs %s", len(jobs), how)


def announce_one(job: Job) -> None:
    """Log which job is launched, as Hydra does."""
    log.info("\t#%d : %s", job.number, " ".join(one for one in job.overrides if not one.startswith("hydra.")))


def log_as_hydra(job: Job) -> None:
    """Log to what hydra.hydra_logging says, no longer into the folder of a job."""
    configure_log(job.composed.hydra.hydra_logging, job.composed.hydra.verbose)


def ended(results: Sequence[float | Exception]) -> int:
    """The exit code of a sweep whose jobs have all ended.

    Raises:
        Exception: what the first that failed failed with.
    """
    for one in results:
        if isinstance(one, Exception):
            raise one
    return 0
