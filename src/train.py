"""Train a model on a task: `python -m src.train model=dms_ntm task=repeat_copy`."""

import logging
import sys
import threading
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from src.common import output
from src.common.paths import CONF
from src.common.text import table
from src.launch import launch, sweep
from src.run.ending import Ending
from src.run.folder import RunFolder
from src.run.nonzero_rank import take_part
from src.run.parts import assemble
from src.run.resume import CHANGES
from src.run.train import Outcome, resume, train, worth
from src.settings import cli, keys
from src.settings.errors import ConfigError

log = logging.getLogger(__name__)


@hydra.main(config_path=CONF, config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> float:
    """Train one configuration, or go on with one; in a sweep, one job of it."""
    output.protect_standard_streams()  # in a worker of joblib, too
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
        begun = RunFolder(folder).holds_run()
        outcome = resume(folder, changes_in(cfg)) if begun else train(cfg, folder)
    except ConfigError as refusal:
        # The job's folder tells why it failed; that of a run that is there is not touched.
        if not RunFolder(folder).holds_run():
            RunFolder(folder).write_metrics(Ending.of("refused", str(refusal)).entries())
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
    if outcome.ending.cause == "user":
        sys.exit(130)


def changes_in(cfg: DictConfig) -> dict[str, Any]:
    """What a command line that resumes changes, of the keys that it may."""
    given = {one.key_or_group for one in cli.parsed(list(HydraConfig.get().overrides.task))}
    plain = keys.resolve(cfg)
    values = {"logger": plain["logger"]} | {f"trainer.{key}": value for key, value in plain["trainer"].items()}
    if not plain["trainer"]["enable_progress_bar"]:
        given.add("trainer.enable_progress_bar")
    return {key: values[key] for key in CHANGES if key in given}


def refuse(cfg: dict[str, Any], folder: Path) -> None:
    """Refuse, before Hydra writes into the folder, what `train` would refuse."""
    RunFolder(folder).check_new()
    with torch.random.fork_rng():
        assemble(cfg, folder)


if __name__ == "__main__":
    output.protect_standard_streams()
    if not take_part(assemble):
        launch.command(main, refuse)
