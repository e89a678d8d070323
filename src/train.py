"""Train a model on a task: `python -m src.train model=dms_ntm task=repeat_copy`."""

import logging
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import lightning
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from src.callbacks.interrupt import Interrupt
from src.callbacks.solved import Solved
from src.common import output
from src.common.paths import CONF
from src.common.text import table
from src.launch import launch, launchers, sweep
from src.lit import objectives
from src.lit.divergence import Diverged
from src.lit.learner import Learner
from src.run import processes, runs
from src.run import resume as going_on
from src.run.conclusion import Parts, conclude, fault, quiet
from src.run.follow import follow
from src.settings import build, cli, keys, training
from src.settings.errors import ConfigError
from src.tasks.base import Task

log = logging.getLogger(__name__)
NOT_THE_RUNS = ("hydra", *launch.OWN)
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


def train(cfg: DictConfig | Mapping[str, Any], folder: str | Path, beside: Sequence[Callback] = ()) -> Outcome:
    """Train, test and draw, and leave all of it in a run folder.

    Args:
        cfg: a composed conf/train.yaml.
        folder: the run folder; it may exist but not hold a run.
        beside: callbacks beside those of the configuration, which look on.

    Raises:
        ConfigError: a configuration that cannot be run; nothing has been written then.
    """
    plain: dict[str, Any] = keys.resolve(cfg) if isinstance(cfg, DictConfig) else dict(cfg)
    plain = {key: value for key, value in plain.items() if key not in NOT_THE_RUNS}
    folder = Path(folder)
    refuse_run(folder)
    parts = assemble(plain, folder, beside=beside)
    with runs.held(folder):
        refuse_run(folder)
        (folder / "metrics.json").unlink(missing_ok=True)  # of a try that was refused
        runs.write_config(folder, plain, parts.revision)
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
    with runs.held(folder):
        plain = going_on.settings(folder, changes or {})
        checkpoint = going_on.newest(folder)
        done = 0 if checkpoint is None else going_on.updates_of(checkpoint)
        parts = assemble(plain, folder, done, beside=beside)
        begun = str(runs.read_config(folder).get("git_revision"))
        if begun.split(GONE_ON)[-1] != str(parts.revision):
            log.warning(
                "The run was begun with revision %s of the code and goes on with %s.", begun, parts.revision
            )
            begun = f"{begun}{GONE_ON}{parts.revision}"
        parts = parts._replace(revision=begun)
        runs.write_config(folder, plain, parts.revision)
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
    return Parts(plain, folder, learner, task, trainer, by_kind, runs.git_revision())


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
        if launchers.out_of_time(failure):
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


@hydra.main(config_path=CONF, config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> float:
    """Train one configuration, or go on with one; in a sweep, one job of it."""
    output.steady()  # in a worker of joblib, too
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir)
    # A full disk is told once, not by every line of the log and by the thread that writes TensorBoard's files.
    logging.raiseExceptions = False
    threading.excepthook = lambda fault: log.error("%s: %s", fault.exc_type.__name__, fault.exc_value)
    if hydra_cfg.mode == RunMode.MULTIRUN:
        return job(cfg, folder)
    outcome = train(cfg, folder) if cfg.resume is None else resume(folder, changes_in(cfg))
    tell(outcome, folder)
    if outcome.metrics["status"] == "diverged":
        raise ConfigError(outcome.metrics["error"])
    return outcome.value


def job(cfg: DictConfig, folder: Path) -> float:
    """One job of a sweep: a new run; or, when the sweep goes on, what is left of it."""
    hydra_cfg = HydraConfig.get()
    if not hydra_cfg.launcher._target_.startswith("hydra._internal."):
        # Jobs side by side are fastest with one thread each, and their bars would run into one another.
        torch.set_num_threads(1)
        cfg.trainer.enable_progress_bar = False
    before = sweep.standing(folder)
    if before.standing == "running":
        raise ConfigError(f"{folder.name}: another process is at it; must be left to end")
    if before.standing in sweep.DONE:
        return worth(before.metrics)
    if before.standing == "failed" and not cfg.retry_failed:
        error = before.metrics.get("error")
        raise ConfigError(f"{folder.name} failed before: {error}; retry_failed=true tries it again")
    try:
        # Of a new sweep, too: a cluster may stop a job and begin it again.
        begun = (folder / "config.yaml").exists()
        outcome = resume(folder, changes_in(cfg)) if begun else train(cfg, folder)
    except ConfigError as refusal:
        # The job's folder tells why it failed; that of a run that is there is not touched.
        if not (folder / "config.yaml").exists():
            runs.write_json(folder / "metrics.json", {"status": "failed", "error": str(refusal)})
        log.error("%s", refusal)
        raise
    finally:
        print(f"\nsweep: {sweep.progress(sweep.standings(Path(hydra_cfg.sweep.dir)))}\n")
    tell(outcome, folder)
    return outcome.value


def tell(outcome: Outcome, folder: Path) -> None:
    """Print how a run ended; one that failed is a ConfigError, one that was stopped ends the command."""
    metrics = outcome.metrics
    print(f"\n{table(metrics['test'])}\n\n{metrics['status']}: {folder}")
    if metrics["status"] == "stopped" and metrics["error"]:
        print(f"{metrics['error']}; {cli.argument('resume', folder)} goes on from there")
    if outcome.metrics["status"] == "failed":
        raise ConfigError(f"{outcome.metrics['error']}; see {folder / 'train.log'}")
    if outcome.metrics["status"] == "stopped" and outcome.metrics["error"] is None:  # by Ctrl-C
        sys.exit(130)


def worth(metrics: Mapping[str, Any]) -> float:
    """What a run is worth to a search that minimises; infinity for one that did not end well."""
    if metrics["status"] not in ("finished", "stopped") or not metrics.get("validation"):
        return INFINITY
    objective = objectives.recognised(metrics["validation"])
    assert objective is not None
    return objective.to_minimise(metrics["validation"])


def changes_in(cfg: DictConfig) -> dict[str, Any]:
    """What a command line that resumes changes, of the keys that it may."""
    given = {one.key_or_group for one in cli.parsed(list(HydraConfig.get().overrides.task))}
    plain = keys.resolve(cfg)
    values = {"logger": plain["logger"]} | {f"trainer.{key}": value for key, value in plain["trainer"].items()}
    if not plain["trainer"]["enable_progress_bar"]:
        given.add("trainer.enable_progress_bar")
    return {key: values[key] for key in going_on.CHANGES if key in given}


def refuse(cfg: dict[str, Any], folder: Path) -> None:
    """Refuse, before Hydra writes into the folder, what `train` would refuse."""
    refuse_run(folder)
    with torch.random.fork_rng():
        assemble(cfg, folder)


if __name__ == "__main__":
    output.steady()
    if not follow(assemble):
        launch.command(main, refuse)
