"""Training loop of a run, and the ending of that loop."""

import logging
import traceback
from contextlib import ExitStack
from pathlib import Path

from ..callbacks.interrupt import Interrupt
from ..callbacks.solved import Solved
from ..lit.divergence import Diverged
from ..settings import cli
from . import processes
from .ending import Ending
from .parts import Parts
from .quiet import quiet

log = logging.getLogger(__name__)


def fit(parts: Parts, others: ExitStack, checkpoint: Path | None = None) -> Ending:
    """Run the training loop.

    Args:
        parts: of the run.
        others: ends the processes that are started here; they are needed for the test, too.
        checkpoint: to resume from, if any.

    Raises:
        SystemExit: the cluster needs the machine; submitit raises an exception of its own instead.
    """
    folder = parts.folder
    try:
        started = others.enter_context(processes.started(parts.trainer, folder.path, checkpoint))
        with quiet(), parts.learner.prepared(), processes.failures_attributed_to(started):
            parts.trainer.fit(parts.learner, datamodule=parts.task, ckpt_path=checkpoint, weights_only=True)
    except Diverged as divergence:
        kept = folder.best if folder.best.exists() else "none yet"
        error = f"diverged: {divergence}; last good checkpoint: {kept}"
        log.error(error)
        return Ending.of("loss" if divergence.what == "loss" else "gradient", error)
    except (KeyboardInterrupt, SystemExit) as end:
        if not by_user(end):
            raise
        return Ending.of("user")
    except OSError as fault:
        ending = machine_fault(parts, fault)
        log.error("failed: %s", ending.error)
        return ending
    except Exception as failure:
        if out_of_time(failure):
            raise
        log.error("failed: %s\n%s", failure, traceback.format_exc())
        return failed_by_exception(failure)
    return end_of_training(parts)


def end_of_training(parts: Parts) -> Ending:
    """The ending of a run whose training loop returned without an exception."""
    stop, solved = parts.callbacks[Interrupt].stop, parts.callbacks[Solved]
    is_solved = solved.solved and solved.stop
    # The time limit may be reached in the validation after the last update.
    if stop is not None and not (stop.cause == "time_limit" and is_solved):
        return Ending.of(stop.cause, stop.reason)
    if is_solved:
        return Ending.of("solved")
    updates = parts.trainer.global_step
    if updates >= parts.cfg["trainer"]["max_steps"]:
        return Ending.of("steps")
    log.info("A callback ended the run after update %d.", updates)
    return Ending.of("callback")


def failed_by_exception(failure: Exception) -> Ending:
    """The ending of a run that failed with an exception."""
    return Ending.of("error", f"{type(failure).__name__}: {failure}")


def machine_fault(parts: Parts, fault: OSError) -> Ending:
    """The ending of a run after a fault of the machine, such as a full disk; the error says how to resume."""
    where = "the last good checkpoint" if parts.folder.last.exists() else "the beginning"
    again = cli.argument("resume", parts.folder.path)
    return Ending.of("machine", f"{fault}; fix that, then {again} resumes from {where}", fault)


def by_user(end: BaseException) -> bool:
    """Whether Ctrl-C ended Lightning, which raises SystemExit for it; any other SystemExit is of the cluster."""
    return isinstance(end, KeyboardInterrupt) or isinstance(end.__context__, KeyboardInterrupt)


def out_of_time(failure: Exception) -> bool:
    """Whether submitit gave up on a job after its largest number of requeues; the run can still be resumed."""
    return type(failure).__module__.startswith("submitit.")
