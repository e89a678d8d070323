"""Training of a configuration in a run folder, and resume of a run."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from ..lit import objectives
from ..lit.learner import Learner
from ..settings import keys, required
from ..tasks.base import Task
from . import processes, provenance
from .ending import Ending
from .finalize import conclude
from .fit import fit, out_of_time
from .folder import RunFolder
from .parts import Parts, assemble
from .quiet import quiet
from .resume import keep_csv, newest, settings, updates_of

log = logging.getLogger(__name__)
#: Sections and keys of src.train that are no settings of a run.
NOT_RUN_SETTINGS = ("hydra", *required.COMMAND)
#: Objective value of a run that failed or diverged; a search minimises.
INFINITY = float("inf")


class Outcome(NamedTuple):
    """Result of a training run: metrics.json, the value to minimise, the objects, and the ending."""

    metrics: dict[str, Any]
    value: float
    learner: Learner
    task: Task
    trainer: lightning.Trainer
    ending: Ending


def train(
    cfg: DictConfig | Mapping[str, Any],
    folder: str | Path,
    extra_callbacks: Sequence[Callback] = (),
    parts: Parts | None = None,
) -> Outcome:
    """Train, test and draw figures; all results are written to a run folder.

    Args:
        cfg: a composed conf/train.yaml.
        folder: the run folder; it may exist but not hold a run.
        extra_callbacks: callbacks in addition to those of the configuration, which only observe.
        parts: of `assemble`, if already made.

    Raises:
        ConfigError: a configuration that cannot be run; nothing has been written then.
    """
    plain: dict[str, Any] = keys.resolve(cfg) if isinstance(cfg, DictConfig) else dict(cfg)
    plain = {key: value for key, value in plain.items() if key not in NOT_RUN_SETTINGS}
    if plain.get("init_from") is None:  # as in run folders of before
        plain.pop("init_from", None)
    run_folder = RunFolder(folder)
    run_folder.check_new()
    if parts is None:
        parts = assemble(plain, folder, extra_callbacks=extra_callbacks)
    else:
        parts = parts._replace(cfg=plain)
    with run_folder.held():
        run_folder.check_new()
        run_folder.remove_results()  # of an attempt that was refused
        run_folder.write_config(plain, *parts.revisions)
        return run(parts)


def resume(
    folder: str | Path, changes: Mapping[str, Any] | None = None, extra_callbacks: Sequence[Callback] = ()
) -> Outcome:
    """Resume a run that was stopped or killed from the newest checkpoint in the run folder.

    On the CPU, with as many threads, the weights and the history are those of a run that was never stopped.

    Args:
        folder: of the run.
        changes: new values by key, of the keys in `src.run.resume.CHANGES`.
        extra_callbacks: as in `train`.

    Raises:
        ConfigError: a run that cannot be resumed; nothing has been written then.
    """
    run_folder = RunFolder(folder)
    settings(run_folder.path, changes or {})
    with run_folder.held():
        plain = settings(run_folder.path, changes or {})
        checkpoint = newest(run_folder.path)
        done = 0 if checkpoint is None else updates_of(checkpoint)
        parts = assemble(plain, folder, done, extra_callbacks=extra_callbacks)
        parts = parts._replace(revisions=continued(run_folder.revisions(), parts.revisions[-1]))
        run_folder.write_config(plain, *parts.revisions)
        with quiet():
            keep_csv(parts.trainer.loggers, run_folder.path, done)
        run_folder.remove_results()
        log.info("Resuming from update %d.", done)
        return run(parts, checkpoint)


def continued(before: list[str | None], now: str | None) -> list[str | None]:
    """The revisions that a run was made with, and the one that it is resumed with, if that differs."""
    if now == before[-1]:
        return before
    begun = provenance.joined(before)
    log.warning("The run was begun with revision %s of the code and is resumed with %s.", begun, now)
    return [*before, now]


def run(parts: Parts, checkpoint: Path | None = None) -> Outcome:
    """Train, from a checkpoint if there is one, test and draw figures."""
    plain, folder, learner, task, trainer = parts[:5]
    engine = learner.network.engine
    log.info(
        "%s on %s, seed %d: %s parameters, state of %s numbers%s; run folder %s",
        plain["model"]["name"],
        plain["task"]["name"],
        plain["seed"],
        f"{learner.parameter_count:,}",
        f"{learner.state_size:,}",
        f", {engine} engine" if engine else "",
        folder.path,
    )
    with processes.without_lightning_signal_handlers(parts.trainer), ExitStack() as others:
        try:
            metrics, ending = conclude(parts, fit(parts, others, checkpoint))
        except (SystemExit, Exception) as end:
            if isinstance(end, SystemExit) or out_of_time(end):  # the cluster needs the machine, and relies on it
                conclude(parts, Ending.of("preempted"))
            raise
    return Outcome(metrics, objective_value(metrics), learner, task, trainer, ending)


def objective_value(metrics: Mapping[str, Any]) -> float:
    """The value of a run that a search minimises; infinity for one that failed or diverged."""
    if metrics["status"] not in ("finished", "stopped") or not metrics.get("validation"):
        return INFINITY
    objective = objectives.recognised(metrics["validation"])
    assert objective is not None
    return objective.to_minimise(metrics["validation"])
