"""How a run ends: the test of the checkpoint that validation chose, figures, metrics.json, HPARAMS."""

import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from lightning.pytorch.loggers import TensorBoardLogger

from src.callbacks import hparams
from src.callbacks.checkpoint import BEST, LAST
from src.callbacks.clock import Clock
from src.callbacks.history import History
from src.callbacks.pictures import DRAWINGS, draw, save
from src.callbacks.solved import Solved
from src.common.files import write_json
from src.figures.png import figure_errors_as_warnings
from src.figures.style import Figure
from src.lit.learner import Learner
from src.run import provenance
from src.run.load import load_weights
from src.settings import cli
from src.tasks.base import Task

log = logging.getLogger(__name__)
#: Within the error of a run that the machine failed, by a full disk for example, and not its settings.
MEND = "; mend that, then "


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of Lightning that tell a user of this project nothing."""
    with warnings.catch_warnings():
        # A batch is made in less time than a worker would take to hand it over.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        # A run that goes on within a period may have less left of it than lies between two points.
        warnings.filterwarnings("ignore", ".*is smaller than the logging interval.*")
        # Going on is what the checkpoints in that folder are for.
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty.*")
        # The folder is the run's own, with its config.yaml; nothing in it is deleted.
        warnings.filterwarnings("ignore", "Experiment logs directory .* exists and is not empty.*")
        # Of several processes, each measures the whole of a set.
        warnings.filterwarnings("ignore", ".*sync_dist=True.*")
        # They hand gradients on as they are, at a cost too small to tell of.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides.*")
        # Lightning calls what torch has deprecated.
        warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
        yield


class Parts(NamedTuple):
    """The pieces of a run that its last steps need."""

    cfg: dict[str, Any]
    folder: Path
    learner: Learner
    task: Task
    trainer: lightning.Trainer
    callbacks: dict[type, Any]
    revision: str | None  # of the code, as it was when the run began

    @property
    def best(self) -> Path:
        """The checkpoint that validation chose."""
        return self.folder / "checkpoints" / BEST

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.folder / "checkpoints" / LAST


def conclude(parts: Parts, status: str, error: str | None) -> dict[str, Any]:
    """Test the chosen checkpoint, draw, and write metrics.json."""
    cfg, learner, trainer = parts.cfg, parts.learner, parts.trainer
    history, clock, solved = (parts.callbacks[kind] for kind in (History, Clock, Solved))
    tested: dict[str, Any] = {}
    rows = history.rows
    if status == "stopped" and not rows and parts.last.exists():
        rows = [validate(parts)]
    if status == "finished":
        try:
            tested = test_and_draw(parts)
        except OSError as failure:
            log.error("failed in the test: %s", failure)
            status, error = "failed", fault(parts, failure)
        except Exception as failure:
            log.error("failed in the test: %s\n%s", failure, traceback.format_exc())
            status, error = "failed", f"{type(failure).__name__}: {failure}"
    metrics = {
        "status": status,
        "model": cfg["model"]["name"],
        "task": cfg["task"]["name"],
        "seed": cfg["seed"],
        "parameters": learner.parameter_count,
        "state_size": learner.network.state_size,
        "engine": learner.network.engine,
        "updates": trainer.global_step,
        "sequences": clock.sequences,
        "seconds": round(clock.seconds, 3),
        "solved": solved.solved,
        "sequences_to_solve": solved.sequences,
        "seconds_to_solve": None if solved.seconds is None else round(solved.seconds, 3),
        "validation": best_row(rows, learner),
        "test": tested,
        "error": error,
        "git_revision": parts.revision,
        "versions": provenance.versions(),
    }
    try:
        write_json(parts.folder / "metrics.json", metrics)
        if isinstance(trainer.logger, TensorBoardLogger):
            numbers = hparams.final(metrics, learner.headline, learner.reach[0])
            trainer.logger.log_metrics(numbers, step=trainer.global_step)
            hparams.write(trainer.logger, hparams.session_end(status))
            trainer.logger.finalize("success")
    except OSError as failure:  # a full disk; what could not be written is told all the same
        log.error("failed at the end: %s", failure)
        metrics |= {"status": "failed", "error": error or fault(parts, failure)}
    return metrics


def fault(parts: Parts, failure: OSError) -> str:
    """The error of a run that the machine failed, and how to go on with it."""
    where = "the last good checkpoint" if parts.last.exists() else "the beginning"
    return f"{failure}{MEND}{cli.argument('resume', parts.folder)} goes on from {where}"


def out_of_time(failure: Exception) -> bool:
    """Whether submitit ends a job that it has queued again as often as it may; its run can still go on."""
    return type(failure).__module__.startswith("submitit.")


def validate(parts: Parts) -> dict[str, Any]:
    """A row for a run that was stopped before its first validation; its last checkpoint is its best so far."""
    parts.best.write_bytes(parts.last.read_bytes())
    return {"update": parts.trainer.global_step, **parts.learner.measure(parts.task.validation)}


def test_and_draw(parts: Parts) -> dict[str, Any]:
    """Test metrics of the checkpoint that validation chose, by test set; figures into the run folder."""
    cfg, folder, learner, task, trainer = parts[:5]
    load_weights(learner.network, parts.best)
    with quiet():
        trainer.test(learner, datamodule=task, verbose=False)
    figures: dict[str, Figure] = {}
    with figure_errors_as_warnings("of the examples"):
        figures |= draw(learner, task.examples(), cfg["figure"]["cmap"])
    for name in getattr(getattr(learner.network, "cell", None), "drawings", ()):
        with figure_errors_as_warnings(name):
            figures[name] = DRAWINGS[name]()
    save(figures, folder)
    own = learner.network.memory_slots
    for name, metrics in learner.tested.items():
        if own is not None and metrics["memory_slots"] > own:
            log.info("%s was tested with %d memory slots instead of %d.", name, metrics["memory_slots"], own)
    tested = dict(learner.tested)
    return {**tested.pop("test"), **tested} if "test" in tested else tested


def best_row(rows: list[dict[str, Any]], learner: Learner) -> dict[str, float]:
    """The validation metrics of the checkpoint that validation chose, and the update it was made at."""
    if not rows:
        return {}
    sign = 1.0 if learner.monitor_mode == "min" else -1.0
    best = min(rows, key=lambda row: sign * row[learner.monitor])
    left_out = ("memory_slots", "sequences", "seconds", "train_loss", "gradient_norm", "lr")
    return {key: value for key, value in best.items() if key not in left_out}
