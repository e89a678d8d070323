"""Train a configuration in a run folder, or go on with one: what every command and launcher hands its jobs to."""

import logging
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from src.callbacks.interrupt import Interrupt
from src.callbacks.solved import Solved
from src.lit.learner import Diverged, Learner
from src.run import lock, processes, provenance
from src.run import resume as going_on
from src.run.finalize import Parts, conclude, fault, out_of_time, quiet
from src.run.folder import RunFolder
from src.settings import build, cli, keys, training
from src.settings.errors import ConfigError
from src.tasks.base import Task

log = logging.getLogger(__name__)
#: Settings of the command, and of Hydra, not of the run.
NOT_THE_RUNS = ("hydra", "resume", "retry_failed", "dry_run")
#: Between the revisions of the code that a run was made with.
GONE_ON = ", gone on with "
#: What a run that did not end well is worth to a search that minimises.
INFINITY = float("inf")


class Outcome(NamedTuple):
    """What a training run leaves: its metrics.json, the value to minimise, and the objects."""

    metrics: dict[str, Any]
    value: float
    learner: Learner
    task: Task
    trainer: lightning.Trainer


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
    folder = Path(folder)
    refuse_run(folder)
    parts = assemble(plain, folder, beside=beside) if parts is None else parts._replace(cfg=plain)
    with lock.held(folder):
        refuse_run(folder)
        (folder / "metrics.json").unlink(missing_ok=True)  # of a try that was refused
        RunFolder(folder).write_config(plain, parts.revision)
        return run(parts)


def resume(
    folder: str | Path, changes: Mapping[str, Any] | None = None, beside: Sequence[Callback] = ()
) -> Outcome:
    """Go on with a run that was stopped or killed, in its own folder, from its newest checkpoint.

    On the CPU, with as many threads, it ends with the weights and the history of one that never stopped.

    Args:
        folder: of the run.
        changes: new values by key, of the keys in `going_on.CHANGES`.
        beside: as in `train`.

    Raises:
        ConfigError: a run that cannot go on; nothing has been written then.
    """
    folder = Path(folder)
    going_on.settings(folder, changes or {})
    with lock.held(folder):
        plain = going_on.settings(folder, changes or {})
        checkpoint = going_on.newest(folder)
        done = 0 if checkpoint is None else going_on.updates_of(checkpoint)
        parts = assemble(plain, folder, done, beside=beside)
        begun = str(RunFolder(folder).read_config().get("git_revision"))
        if begun.split(GONE_ON)[-1] != str(parts.revision):
            log.warning(
                "The run was begun with revision %s of the code and goes on with %s.", begun, parts.revision
            )
            begun = f"{begun}{GONE_ON}{parts.revision}"
        parts = parts._replace(revision=begun)
        RunFolder(folder).write_config(plain, parts.revision)
        with quiet():
            going_on.keep_csv(parts.trainer.logger, folder, done)
        (folder / "metrics.json").unlink(missing_ok=True)
        log.info("Going on from update %d.", done)
        return run(parts, checkpoint)


def refuse_run(folder: Path) -> None:
    """Refuse a folder that holds a run."""
    if (folder / "config.yaml").exists():
        raise ConfigError(
            f"hydra.run.dir={str(folder)!r}: holds a run already; must be a new folder, "
            f"or {cli.argument('resume', folder)} to go on with it"
        )


def assemble(
    plain: dict[str, Any],
    folder: Path,
    done: int = 0,
    environment: processes.Place | None = None,
    beside: Sequence[Callback] = (),
) -> Parts:
    """The objects of a run; writes nothing.

    Args:
        plain: the resolved configuration.
        folder: where they will write.
        done: updates that were made before.
        environment: of one of several processes that the first has started; None for the first.
        beside: as in `train`.

    Raises:
        ConfigError: a configuration that cannot be run.
    """
    keys.check_run(plain)
    lightning.seed_everything(plain["seed"], verbose=False)
    task = build.build_task(plain)
    learner = build.build_learner(plain, task, build.build_network(plain, task))
    callbacks = [*training.build_callbacks(plain, str(folder), learner), *beside]
    environment = environment or processes.environment(plain)
    logger = training.build_logger(plain, str(folder), done)
    trainer = training.build_trainer(plain, str(folder), callbacks, logger, environment)
    processes.check(plain, trainer, learner)
    task.plan(plain["validate_every"] * trainer.accumulate_grad_batches, plain["overfit_batches"])
    by_kind = {type(one): one for one in callbacks}
    return Parts(plain, folder, learner, task, trainer, by_kind, provenance.git_revision())


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
        folder,
    )
    with processes.signals_left(parts.trainer), ExitStack() as others:
        try:
            status, error = fit(parts, others, checkpoint)
        except (SystemExit, Exception):  # a cluster wants the machine back, and counts on this very end
            conclude(parts, "stopped", None)
            raise
        metrics = conclude(parts, status, error)
    return Outcome(metrics, worth(metrics), learner, task, trainer)


def fit(parts: Parts, others: ExitStack, checkpoint: Path | None = None) -> tuple[str, str | None]:
    """Run the training loop; returns the status and, if it ended badly, the error.

    Processes that it starts are ended by `others`: they are needed for the test, too.
    """
    try:
        started = others.enter_context(processes.started(parts.trainer, parts.folder, checkpoint))
        with quiet(), parts.learner.at_work(), processes.blamed(started):
            parts.trainer.fit(parts.learner, datamodule=parts.task, ckpt_path=checkpoint, weights_only=True)
    except Diverged as divergence:
        kept = parts.best if parts.best.exists() else "none yet"
        error = f"diverged: {divergence}; last good checkpoint: {kept}"
        log.error(error)
        return "diverged", error
    except (KeyboardInterrupt, SystemExit) as end:
        # Lightning makes an exit of a second Ctrl-C; any other one is not the user's.
        if isinstance(end, SystemExit) and not isinstance(end.__context__, KeyboardInterrupt):
            raise
        return "stopped", None
    except OSError as failure:
        error = fault(parts, failure)
        log.error("failed: %s", error)
        return "failed", error
    except Exception as failure:
        if out_of_time(failure):
            raise
        log.error("failed: %s\n%s", failure, traceback.format_exc())
        return "failed", f"{type(failure).__name__}: {failure}"
    return ending(parts)


def ending(parts: Parts) -> tuple[str, str | None]:
    """The status of a run whose training loop ended by itself, and the reason where it was stopped."""
    stop, solved = parts.callbacks[Interrupt], parts.callbacks[Solved]
    if stop.over and solved.solved and solved.stop:  # in the validation that its last update was followed by
        return "finished", None
    if stop.interrupted or stop.reason:
        return "stopped", stop.reason
    updates = parts.trainer.global_step
    if updates < parts.cfg["trainer"]["max_steps"] and not (solved.solved and solved.stop):
        log.info("A callback ended the run after update %d.", updates)
    return "finished", None


def worth(metrics: Mapping[str, Any]) -> float:
    """What a run is worth to a search that minimises; infinity for one that did not end well."""
    if metrics["status"] not in ("finished", "stopped") or not metrics.get("validation"):
        return INFINITY
    kind = next(kind for kind in build.OBJECTIVES.values() if kind.monitor in metrics["validation"])
    return kind.to_minimise(metrics["validation"])
