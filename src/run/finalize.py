"""Last steps of a run: the test, metrics.json, and the result in the loggers."""

import logging
import traceback
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

from ..callbacks import hparams
from ..callbacks.clock import Clock
from ..callbacks.history import History
from ..callbacks.solved import Solved
from ..common.files import write_whole
from ..figures.png import reason
from ..lit import baselines
from ..lit.learner import Learner
from . import provenance
from .ending import Ending
from .final_evaluation import test_and_draw
from .fit import by_user, failed_by_exception, machine_fault, out_of_time
from .load import load_weights
from .parts import Parts
from .resume import updates_of

log = logging.getLogger(__name__)


def conclude(parts: Parts, ending: Ending) -> tuple[dict[str, Any], Ending]:
    """Test the best checkpoint, draw figures, and write metrics.json.

    Args:
        parts: of the run.
        ending: of the training loop.

    Returns:
        The content of metrics.json, and the ending of the run: a failure in the test, Ctrl-C there, or a fault of
        the machine replaces `ending`.

    Raises:
        SystemExit: the cluster needs the machine during the test; see `fit`.
    """
    cfg, learner, trainer = parts.cfg, parts.learner, parts.trainer
    history, clock, solved = (parts.callbacks[kind] for kind in (History, Clock, Solved))
    tested: dict[str, Any] = {}
    rows = history.rows
    if ending.status == "stopped" and not rows and parts.folder.last.exists():
        try:
            rows = [validate(parts)]
        except OSError as fault:  # a search must not count it
            log.error("failed in the validation: %s", fault)
            ending = machine_fault(parts, fault)
        except Exception as failure:  # the run can be resumed all the same
            log.warning("The stopped run could not be validated: %s", reason(failure))
    if ending.status == "finished":
        try:
            tested = test_and_draw(parts)
        except (KeyboardInterrupt, SystemExit) as end:
            if not by_user(end):
                raise
            ending = Ending.of("user")
        except OSError as fault:
            log.error("failed in the test: %s", fault)
            ending = machine_fault(parts, fault)
        except Exception as failure:
            if out_of_time(failure):
                raise
            log.error("failed in the test: %s\n%s", failure, traceback.format_exc())
            ending = failed_by_exception(failure)
    metrics = {
        **ending.entries(),
        "model": cfg["model"]["name"],
        "task": cfg["task"]["name"],
        "seed": cfg["seed"],
        "parameters": learner.parameter_count,
        "state_size": learner.state_size,
        "engine": learner.network.engine,
        "updates": trainer.global_step,
        "sequences": clock.sequences,
        "seconds": round(clock.seconds, 3),
        "unusable_gradients": int(learner.unusable.total),
        "solved": solved.solved,
        "sequences_to_solve": solved.sequences,
        "seconds_to_solve": None if solved.seconds is None else round(solved.seconds, 3),
        "validation": best_row(rows, learner),
        "test": tested,
        "baselines": baselines.of_sets(parts.task, parts.task.tests) if tested else {},
        "git_revision": provenance.joined(parts.revisions),
        "versions": provenance.versions(),
    }
    try:
        parts.folder.write_metrics(metrics)
    except OSError as fault:  # such as a full disk; the caller still gets the metrics
        log.error("failed at the end: %s", fault)
        failed = machine_fault(parts, fault)
        ending = failed if ending.error is None else failed._replace(error=ending.error)
        return metrics | ending.entries(), ending
    try:
        log_results(parts, metrics, ending)
    except Exception as failure:  # the results are complete without it
        log.warning("The results could not be logged: %s", reason(failure))
    return metrics, ending


def log_results(parts: Parts, metrics: dict[str, Any], ending: Ending) -> None:
    """Give the results to the loggers and end these."""
    learner, trainer = parts.learner, parts.trainer
    objective = learner.objective
    numbers = hparams.final(metrics, objective.headline, objective.reach[0], learner.task)
    for logger in trainer.loggers:
        logger.log_metrics(numbers, step=trainer.global_step)
        if isinstance(logger, TensorBoardLogger):
            hparams.write(logger, hparams.session_end(ending.status))
        logger.finalize("failed" if ending.status in ("failed", "diverged") else "success")
        if isinstance(logger, WandbLogger):  # else the next run of this process would be added to this one
            logger.experiment.finish()


def validate(parts: Parts) -> dict[str, Any]:
    """Validation metrics of a run stopped before the first validation; the last checkpoint becomes the best."""
    folder, learner = parts.folder, parts.learner
    write_whole(folder.best, folder.last.read_bytes())
    load_weights(learner.network, folder.best)  # after a second Ctrl-C the learner has newer ones
    return {"update": updates_of(folder.best), **learner.measure(parts.task.validation)}


def best_row(rows: list[dict[str, Any]], learner: Learner) -> dict[str, float]:
    """Validation metrics and update of the best checkpoint."""
    if not rows:
        return {}
    best = min(rows, key=learner.objective.to_minimise)
    left_out = ("memory_slots", "sequences", "seconds", "train_loss", "gradient_norm", "lr")
    return {key: value for key, value in best.items() if key not in left_out}
