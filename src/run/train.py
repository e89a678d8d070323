"""Train a configuration in a run folder, or resume a run in its own."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from src.lit import objectives
from src.lit.learner import Learner
from src.run import processes, provenance
from src.run.ending import Ending
from src.run.finalize import conclude
from src.run.fit import fit
from src.run.folder import RunFolder
from src.run.parts import Parts, assemble
from src.run.quiet import quiet
from src.run.resume import keep_csv, newest, settings, updates_of
from src.settings import keys
from src.tasks.base import Task

log = logging.getLogger(__name__)
#: Settings of the command, and of Hydra, not of the run.
NOT_THE_RUNS = ("hydra", "resume", "retry_failed", "dry_run")
#: What a run that did not end well is worth to a search that minimises.
INFINITY = float("inf")


class Outcome(NamedTuple):
    """What a training run leaves: its metrics.json, the value to minimise, the objects, and how it ended."""

    metrics: dict[str, Any]
    value: float
    learner: Learner
    task: Task
    trainer: lightning.Trainer
    ending: Ending


def train(
    cfg: DictConfig | Mapping[str, Any],
    folder: str | Path,
    beside: Sequence[Callback] = (),
    parts: Parts | None = None,
) -> Outcome:
    """Train, test and draw, and leave all of it in a run folder.

    Args:
        cfg: a composed conf/train.yaml.
        folder: the run folder; it may exist but not hold a run.
        beside: callbacks beside those of the configuration, which look on.
        parts: what `assemble` has made of them already.

    Raises:
        ConfigError: a configuration that cannot be run; nothing has been written then.
    """
    plain: dict[str, Any] = keys.resolve(cfg) if isinstance(cfg, DictConfig) else dict(cfg)
    plain = {key: value for key, value in plain.items() if key not in NOT_THE_RUNS}
    its = RunFolder(folder)
    its.check_new()
    parts = assemble(plain, folder, beside=beside) if parts is None else parts._replace(cfg=plain)
    with its.held():
        its.check_new()
        its.remove_metrics()  # of a try that was refused
        its.write_config(plain, *parts.revisions)
        return run(parts)


def resume(
    folder: str | Path, changes: Mapping[str, Any] | None = None, beside: Sequence[Callback] = ()
) -> Outcome:
    """Resume a run that was stopped or killed, in its own folder, from its newest checkpoint.

    On the CPU, with as many threads, it ends with the weights and the history of one that never stopped.

    Args:
        folder: of the run.
        changes: new values by key, of the keys in `src.run.resume.CHANGES`.
        beside: as in `train`.

    Raises:
        ConfigError: a run that cannot be resumed; nothing has been written then.
    """
    its = RunFolder(folder)
    settings(its.path, changes or {})
    with its.held():
        plain = settings(its.path, changes or {})
        checkpoint = newest(its.path)
        done = 0 if checkpoint is None else updates_of(checkpoint)
        parts = assemble(plain, folder, done, beside=beside)
        parts = parts._replace(revisions=continued(its.revisions(), parts.revisions[-1]))
        its.write_config(plain, *parts.revisions)
        with quiet():
            keep_csv(parts.trainer.logger, its.path, done)
        its.remove_metrics()
        log.info("Going on from update %d.", done)
        return run(parts, checkpoint)


def continued(before: list[str | None], now: str | None) -> list[str | None]:
    """The revisions that a run was made with, and the one that it is resumed with, where that is another."""
    if now == before[-1]:
        return before
    begun = provenance.joined(before)
    log.warning("The run was begun with revision %s of the code and goes on with %s.", begun, now)
    return [*before, now]


def run(parts: Parts, checkpoint: Path | None = None) -> Outcome:
    """Fit, from a checkpoint if there is one, test and draw."""
    plain, folder, learner, task, trainer = parts[:5]
    engine = learner.network.engine
    log.info(
        "%s on %s, seed %d: %s parameters, state of %s numbers%s; run folder %s",
        plain["model"]["name"],
        plain["task"]["name"],
        plain["seed"],
        f"{learner.parameter_count:,}",
        f"{learner.network.state_size:,}",
        f", {engine} engine" if engine else "",
        folder.path,
    )
    with processes.signals_left(parts.trainer), ExitStack() as others:
        try:
            ending = fit(parts, others, checkpoint)
        except (SystemExit, Exception):  # a cluster wants the machine back, and counts on this very end
            conclude(parts, Ending.of("preempted"))
            raise
        metrics, ending = conclude(parts, ending)
    return Outcome(metrics, worth(metrics), learner, task, trainer, ending)


def worth(metrics: Mapping[str, Any]) -> float:
    """What a run is worth to a search that minimises; infinity for one that did not end well."""
    if metrics["status"] not in ("finished", "stopped") or not metrics.get("validation"):
        return INFINITY
    objective = objectives.recognised(metrics["validation"])
    assert objective is not None
    return objective.to_minimise(metrics["validation"])
