"""Train a model on a task: `python -m src.train model=dms_ntm task=repeat_copy`."""

import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import lightning
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from src import build, cli, runs
from src.build import ConfigError
from src.callbacks.interrupt import Interrupt
from src.conclusion import Parts, conclude, quiet
from src.lit.learner import Diverged, Learner
from src.tasks.base import Task
from src.text import table

log = logging.getLogger(__name__)
#: What a run that did not end well is worth to a search that minimises.
INFINITY = float("inf")


class Outcome(NamedTuple):
    """What a training run leaves: its metrics.json, the value to minimise, and the objects."""

    metrics: dict[str, Any]
    value: float
    learner: Learner
    task: Task
    trainer: lightning.Trainer


def train(cfg: DictConfig | Mapping[str, Any], folder: str | Path) -> Outcome:
    """Train, test and draw, and leave all of it in a run folder.

    Args:
        cfg: a composed conf/train.yaml.
        folder: the run folder; it may exist but not hold a run.

    Raises:
        ConfigError: a configuration that cannot be run; nothing has been written then.
    """
    plain: dict[str, Any] = build.resolve(cfg) if isinstance(cfg, DictConfig) else dict(cfg)
    folder = Path(folder)
    if (folder / "config.yaml").exists():
        raise ConfigError(f"hydra.run.dir={str(folder)!r}: holds a run already; must be a new folder")
    build.check_run(plain)
    lightning.seed_everything(plain["seed"], verbose=False)
    task = build.build_task(plain)
    network = build.build_network(plain, task)
    learner = build.build_learner(plain, task, network)
    callbacks = build.build_callbacks(plain, str(folder), learner)
    trainer = build.build_trainer(plain, str(folder), callbacks, build.build_logger(plain, str(folder)))
    task.plan(plain["validate_every"], plain["trainer"]["max_steps"], plain["overfit_batches"])

    folder.mkdir(parents=True, exist_ok=True)
    runs.write_config(folder, {key: value for key, value in plain.items() if key != "hydra"})
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
    parts = Parts(
        plain, folder, learner, task, trainer, {type(one): one for one in callbacks}, runs.git_revision()
    )
    status, error = fit(parts)
    metrics = conclude(parts, status, error)
    value = INFINITY
    if status in ("finished", "stopped") and metrics["validation"]:
        value = learner.to_minimise(metrics["validation"])
    return Outcome(metrics, value, learner, task, trainer)


def fit(parts: Parts) -> tuple[str, str | None]:
    """Run the training loop; returns the status and, if it ended badly, the error."""
    try:
        with quiet(), parts.learner.at_work():
            parts.trainer.fit(parts.learner, datamodule=parts.task)
    except Diverged as divergence:
        kept = parts.best if parts.best.exists() else "none yet"
        error = f"diverged: {divergence}; last good checkpoint: {kept}"
        log.error(error)
        return "diverged", error
    except (KeyboardInterrupt, SystemExit):
        return "stopped", None
    except Exception as failure:
        log.error("failed: %s\n%s", failure, traceback.format_exc())
        return "failed", f"{type(failure).__name__}: {failure}"
    return ("stopped" if parts.callbacks[Interrupt].interrupted else "finished"), None


@hydra.main(config_path=cli.CONF, config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> float:
    """Train one configuration; in a sweep, one job of it."""
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir)
    try:
        outcome = train(cfg, folder)
    except ConfigError as refusal:
        # In a sweep the job's folder tells why it failed; a single command was refused before this.
        if not (folder / "metrics.json").exists():
            runs.write_json(folder / "metrics.json", {"status": "failed", "error": str(refusal)})
        raise
    print(f"\n{table(outcome.metrics['test'])}\n\n{outcome.metrics['status']}: {folder}")
    if outcome.metrics["status"] == "failed":
        raise ConfigError(f"{outcome.metrics['error']}; see {folder / 'train.log'}")
    if outcome.metrics["status"] == "diverged" and hydra_cfg.mode == RunMode.RUN:
        raise ConfigError(outcome.metrics["error"])
    if outcome.metrics["status"] == "stopped" and hydra_cfg.mode == RunMode.RUN:
        sys.exit(130)
    return outcome.value


def refuse(cfg: dict[str, Any]) -> None:
    """Refuse, before Hydra makes a folder, what `train` would refuse."""
    build.check_run(cfg)
    task = build.build_task(cfg)
    with torch.random.fork_rng():
        learner = build.build_learner(cfg, task, build.build_network(cfg, task))
    # None of these writes anything before training begins.
    folder = "outputs"
    callbacks = build.build_callbacks(cfg, folder, learner)
    build.build_trainer(cfg, folder, callbacks, build.build_logger(cfg, folder))


if __name__ == "__main__":
    cli.run(main, "train", refuse)
