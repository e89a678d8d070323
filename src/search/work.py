"""Worker of a search: takes and runs one trial after another until none remains."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..common import output
from ..common.subprocesses import STOPPED
from ..common.text import duration
from ..figures.png import reason
from ..launch import sweep
from ..launch.job import run_job
from ..run import train
from ..run.ending import Ending
from ..settings import cli, keys
from ..settings.errors import ConfigError
from ..settings.job import Job
from . import plan as plans
from . import space, studies
from .plan import SearchPlan
from .pruning_callback import PruningCallback
from .studies import TakenTrial

log = logging.getLogger(__name__)


def work(plan: SearchPlan, trials: int) -> None:
    """Take trials and run them until every model has as many as asked for.

    Args:
        plan: of the search.
        trials: of each model, in all.

    Raises:
        KeyboardInterrupt: the user stopped it; the running trial is resumed when it is taken again.
        OSError: the machine failed, by a full disk for example; the running trial is resumed likewise.
    """
    with studies.locked(plan.folder):
        opened = studies.opened(plan)
    while (taken := studies.take(plan, opened, trials)) is not None:
        started = time.monotonic()
        try:
            state, value = run_trial(plan, taken)
            studies.finish(opened[taken.model], taken.trial.number, state, value)
        except (KeyboardInterrupt, SystemExit, OSError):
            studies.uncount(taken)
            raise
        finally:
            taken.lock.release()
        count = sum(studies.done(one) for one in opened.values())
        result = state if value is None else f"{value:.4g}"
        settings = " ".join(f"{key}={space.short(value)}" for key, value in taken.values.items())
        took = duration(time.monotonic() - started)
        where = f"[{count} of {trials * len(opened)}] {taken.model} {taken.trial.number}"
        print(f"{where}: {result}  {settings}  ({took})", flush=True)


def run_trial(plan: SearchPlan, taken: TakenTrial) -> tuple[str, float | None]:
    """Run or resume a trial: its state when it ended, and its value if it is complete."""
    values: list[float] = []
    number = taken.trial.number
    try:
        for job in plans.jobs(plan, taken.model, number, space.overrides(taken.values)):
            cfg = keys.resolve(job.config)
            last = len(values) + 1 == len(plan.seeds)
            metrics = run(job, PruningCallback(taken.trial, values, plans.validations(cfg), last))
            ending = Ending.read(metrics)
            assert ending is not None
            if ending.status == "failed":
                log.error("%s failed: %s", job.folder, ending.error)
                return "failed", None
            if ending.cause == "pruned":
                return "pruned", None
            if ending.cause == "user":
                raise KeyboardInterrupt
            values.append(train.objective_value(metrics))
            if values[-1] == train.INFINITY:  # the mean will not be finite
                break
    except OSError:  # the next trials would fail in the same way
        raise
    except ConfigError as refusal:
        if isinstance(refusal.__cause__, OSError):
            raise OSError(str(refusal)) from refusal
        taken.trial.set_user_attr(studies.ERROR, str(refusal))
        log.error("%s failed: %s", plans.folder(plan, taken.model, number), refusal)
        return "failed", None
    except Exception as failure:
        taken.trial.set_user_attr(studies.ERROR, reason(failure))
        log.exception("%s failed", plans.folder(plan, taken.model, number))
        return "failed", None
    return "complete", sum(values) / len(values)


def run(job: Job, callback: PruningCallback) -> dict[str, Any]:
    """The metrics.json of a run, which is begun or resumed; a run that has ended is left as it is.

    Raises:
        OSError: the machine failed the run, which can then be resumed.
    """
    before = sweep.status_of(job.folder)
    if before.ending is not None and has_ended(before.ending):
        return before.metrics
    outcome = run_job(job, extra_callbacks=[callback])
    if outcome.ending.fault is not None:
        raise OSError(f"{job.folder}: {outcome.ending.fault}") from outcome.ending.fault
    return outcome.metrics


def has_ended(ending: Ending) -> bool:
    """Whether a run is not to be resumed: it is not recoverable, or the pruner or a time limit stopped it."""
    return not ending.recoverable or (ending.status == "stopped" and ending.cause not in ("user", "preempted"))


@contextmanager
def faults() -> Iterator[None]:
    """Context in which a fault of the machine is raised as a ConfigError, one line."""
    try:
        yield
    except OSError as fault:
        raise ConfigError(f"{fault}; fix that, then repeat the command to resume") from fault


def main() -> None:
    """Run one of several workers: `python -m src.search.work <folder> <trials>`."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    torch.set_num_threads(1)  # parallel trials have one each
    with cli.refusals(), faults():
        plan = plans.load(Path(sys.argv[1]))
        assert plan is not None
        try:
            work(plan, int(sys.argv[2]))
        except KeyboardInterrupt:
            sys.exit(STOPPED)


if __name__ == "__main__":
    output.protect_standard_streams()
    main()
