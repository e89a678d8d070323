"""Lightning trainer and callbacks of a configuration."""

import logging
from collections.abc import Mapping
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, EarlyStopping, LearningRateMonitor

from ..callbacks.checkpoint import Checkpoint, WholeFiles
from ..callbacks.clock import Clock
from ..callbacks.history import History
from ..callbacks.interrupt import Interrupt
from ..callbacks.randomness import Randomness
from ..callbacks.solved import Solved
from ..common import checks
from ..lit.learner import Learner
from . import loggers, trainer_arguments
from .construct import arguments_of, check_entries, construct, locate
from .errors import ConfigError, check
from .keys import on_cpu

log = logging.getLogger(__name__)
#: Callbacks that every run needs.
NEEDED: dict[str, type[Callback]] = {
    "interrupt": Interrupt,
    "clock": Clock,
    "history": History,
    "solved": Solved,
    "randomness": Randomness,
    "checkpoint": Checkpoint,
}


def build_trainer(
    cfg: Mapping[str, Any], folder: str, callbacks: list[Any], logger: Any, environment: Any = None
) -> lightning.Trainer:
    """The Lightning trainer; an epoch is the time between two validations, see `src.tasks.base`.

    Args:
        cfg: the resolved configuration.
        folder: the run folder.
        callbacks: from `build_callbacks`.
        logger: from `loggers.build`; False for none.
        environment: rank and address of this process, if there are several; None leaves that to Lightning.
    """
    # Start-up messages of Lightning have no information for a user of this project.
    for name in ("pytorch.utilities.rank_zero", "pytorch.trainer.connectors", "fabric.utilities.distributed"):
        logging.getLogger(f"lightning.{name}").setLevel(logging.WARNING)
    node = {key: value for key, value in cfg["trainer"].items() if key != "max_time"}  # for Interrupt
    if node.get("precision") == "16-mixed" and on_cpu(node):
        log.info("trainer.precision=16-mixed is for GPUs; on the CPU bf16-mixed takes its place.")
        node["precision"] = "bf16-mixed"
    # In an epoch shorter than this, Lightning logs nothing and warns.
    node["log_every_n_steps"] = min(node["log_every_n_steps"], cfg["validate_every"], node["max_steps"])
    return construct(
        "trainer",
        node,
        lightning.Trainer,
        max_epochs=-1,
        default_root_dir=folder,
        callbacks=callbacks,
        logger=logger,
        plugins=[WholeFiles()] if environment is None else [WholeFiles(), environment],
        reload_dataloaders_every_n_epochs=1,  # `Task.train_dataloader` gives one period at a time
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        fast_dev_run=False,  # it saves no checkpoint to test; debug=fast does
    )


def build_callbacks(cfg: Mapping[str, Any], folder: str, learner: Learner) -> list[Any]:
    """The callbacks of a resolved configuration, in that order; folder and monitored metric are filled in."""
    callbacks = []
    check_entries("callbacks", cfg["callbacks"])
    optional = ", ".join(name for name in cfg["callbacks"] if name not in NEEDED)
    if missing := [f"callbacks.{name}=None" for name in NEEDED if cfg["callbacks"].get(name) is None]:
        raise ConfigError(f"{', '.join(missing)}: cannot be left out; only {optional} can")
    for name, node in cfg["callbacks"].items():
        if node is None or (name == "progress" and not cfg["trainer"].get("enable_progress_bar", True)):
            continue
        given: dict[str, Any] = {}
        if name == "checkpoint":
            monitor = f"validation/{learner.objective.monitor}"
            given = {"folder": folder, "monitor": monitor, "mode": learner.objective.mode}
        elif "folder" in arguments_of(locate(f"callbacks.{name}", node)):
            given = {"folder": folder}
        callback = construct(f"callbacks.{name}", node, NEEDED.get(name, Callback), **given)
        check_callback(cfg, name, callback, learner)
        callbacks.append(callback)
    limit = cfg["trainer"].get("max_time")
    if limit is not None:
        interrupt = next(one for one in callbacks if isinstance(one, Interrupt))
        interrupt.limit(limit, trainer_arguments.duration("max_time", limit).total_seconds())
    return callbacks


def check_callback(cfg: Mapping[str, Any], name: str, callback: Callback, learner: Learner) -> None:
    """Refuse a callback of Lightning that would fail or do harm after the run has begun."""
    where = f"callbacks.{name}._target_={cfg['callbacks'][name]['_target_']!r}"
    reason = trainer_arguments.refused_callback(type(callback))
    if reason is not None:
        raise ConfigError(f"{where}: cannot be used, {reason}")
    if isinstance(callback, LearningRateMonitor) and not loggers.nodes(cfg):
        raise ConfigError(f"{where}: needs a logger, and logger=none has none")
    known = [f"validation/{metric}" for metric in learner.objective.names]
    if isinstance(callback, EarlyStopping):
        check("", checks.choice, f"callbacks.{name}.monitor", callback.monitor, known)
