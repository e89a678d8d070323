"""Train a model on a task: `python -m src.train model=dms_ntm task=repeat_copy`."""

import logging
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from src.callbacks.clock import Clock
from src.callbacks.history import History
from src.callbacks.interrupt import Interrupt
from src.callbacks.pictures import draw, draw_addressing, save
from src.callbacks.solved import Solved
from src.lit.learner import Diverged, Learner
from src.tasks.base import Task
from src.text import table

log = logging.getLogger(__name__)
#: What a run that did not end well is worth to a search that minimises.
INFINITY = float("inf")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of Lightning that tell a user of this project nothing."""
    with warnings.catch_warnings():
        # A batch is made in less time than a worker would take to hand it over.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        # Lightning calls what torch has deprecated.
        warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
        yield


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
    for chatty in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.trainer.connectors"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    callbacks = build.build_callbacks(plain, str(folder), learner)
    trainer = build.build_trainer(plain, str(folder), callbacks, build.build_logger(plain, str(folder)))
    task.plan(plain["validate_every"], plain["trainer"]["max_steps"])

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
        return self.folder / "checkpoints" / "best.ckpt"


def fit(parts: Parts) -> tuple[str, str | None]:
    """Run the training loop; returns the status and, if it ended badly, the error."""
    try:
        with quiet():
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


def conclude(parts: Parts, status: str, error: str | None) -> dict[str, Any]:
    """Test the chosen checkpoint, draw, and write metrics.json."""
    cfg, learner, trainer = parts.cfg, parts.learner, parts.trainer
    history, clock, solved = (parts.callbacks[kind] for kind in (History, Clock, Solved))
    tested: dict[str, Any] = {}
    if status == "finished":
        try:
            tested = test_and_draw(parts)
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
        "validation": best_row(history.rows, learner),
        "test": tested,
        "error": error,
        "git_revision": parts.revision,
        "versions": runs.versions(),
    }
    runs.write_json(parts.folder / "metrics.json", metrics)
    if trainer.logger is not None and metrics["validation"]:
        trainer.logger.log_hyperparams(hyperparameters(cfg), hparam_metrics(metrics))
        trainer.logger.finalize("success")
    return metrics


def test_and_draw(parts: Parts) -> dict[str, Any]:
    """Test metrics of the checkpoint that validation chose, by test set; figures into the run folder."""
    cfg, folder, learner, task, trainer = parts[:5]
    runs.load_weights(learner.network, parts.best)
    with quiet():
        trainer.test(learner, datamodule=task, verbose=False)
    figures = draw(learner, task.examples(), cfg["figure"]["cmap"])
    if cfg["model"]["name"] == "dms_ntm":
        figures["addressing_examples"] = draw_addressing()
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
    left_out = ("sequences", "seconds", "train_loss", "gradient_norm", "lr")
    return {key: value for key, value in best.items() if key not in left_out}


def hyperparameters(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """What TensorBoard's HPARAMS tab compares runs by."""
    flat = {"seed": cfg["seed"], "max_steps": cfg["trainer"]["max_steps"]}
    for section in ("model", "task", "optimizer"):
        for key, value in cfg[section].items():
            plain = isinstance(value, int | float | str | bool)
            flat[section if key == "name" else f"{section}.{key}"] = value if plain else str(value)
    return flat


def hparam_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of metrics.json for the HPARAMS tab."""
    flat = {f"hp/validation/{name}": value for name, value in metrics["validation"].items()}
    for name, value in metrics["test"].items():
        inner = value if isinstance(value, Mapping) else {"": value}
        flat |= {f"hp/test/{name}/{key}".rstrip("/"): one for key, one in inner.items()}
    return {name: float(value) for name, value in flat.items()}


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
        build.build_learner(cfg, task, build.build_network(cfg, task))


if __name__ == "__main__":
    cli.run(main, "train", refuse)
