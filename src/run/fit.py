"""The training loop of a run, and how it ended."""

import logging
import traceback
from contextlib import ExitStack
from pathlib import Path

from src.callbacks.interrupt import Interrupt
from src.callbacks.solved import Solved
from src.lit.divergence import Diverged
from src.run import processes
from src.run.ending import Ending
from src.run.parts import Parts
from src.run.quiet import quiet
from src.settings import cli

log = logging.getLogger(__name__)


def fit(parts: Parts, others: ExitStack, checkpoint: Path | None = None) -> Ending:
    """Run the training loop.

    Args:
        parts: of the run.
        others: ends the processes that are started here, which are needed for the test, too.
        checkpoint: to resume from, if any.

    Raises:
        SystemExit: the cluster takes the machine back; or an exception of submitit says so.
    """
    folder = parts.folder
    try:
        started = others.enter_context(processes.started(parts.trainer, folder.path, checkpoint))
        with quiet(), parts.learner.prepared(), processes.blamed(started):
            parts.trainer.fit(parts.learner, datamodule=parts.task, ckpt_path=checkpoint, weights_only=True)
    except Diverged as divergence:
        kept = folder.best if folder.best.exists() else "none yet"
        error = f"diverged: {divergence}; last good checkpoint: {kept}"
        log.error(error)
        return Ending.of("loss" if divergence.what == "loss" else "gradient", error)
    except (KeyboardInterrupt, SystemExit) as end:
        # Lightning makes an exit of a second Ctrl-C; any other one is not the user's.
        if isinstance(end, SystemExit) and not isinstance(end.__context__, KeyboardInterrupt):
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
        return exception(failure)
    return ended_by_itself(parts)


def ended_by_itself(parts: Parts) -> Ending:
    """The end of a run whose training loop came to its own end."""
    stop, solved = parts.callbacks[Interrupt].stop, parts.callbacks[Solved]
    is_solved = solved.solved and solved.stop
    # The time limit may be over in the validation that the last update was followed by.
    if stop is not None and not (stop.cause == "time_limit" and is_solved):
        return Ending.of(stop.cause, stop.reason)
    if is_solved:
        return Ending.of("solved")
    updates = parts.trainer.global_step
    if updates >= parts.cfg["trainer"]["max_steps"]:
        return Ending.of("steps")
    log.info("A callback ended the run after update %d.", updates)
    return Ending.of("callback")


def exception(failure: Exception) -> Ending:
    """The end of a run that an exception failed."""
    return Ending.of("error", f"{type(failure).__name__}: {failure}")


def machine_fault(parts: Parts, fault: OSError) -> Ending:
    """The end of a run that the machine failed, by a full disk for example; the error says how to resume it."""
    where = "the last good checkpoint" if parts.folder.last.exists() else "the beginning"
    again = cli.argument("resume", parts.folder.path)
    return Ending.of("machine", f"{fault}; mend that, then {again} goes on from {where}", fault)


def out_of_time(failure: Exception) -> bool:
    """Whether submitit ends a job that it has queued again as often as it may; its run can still be resumed."""
    return type(failure).__module__.startswith("submitit.")
