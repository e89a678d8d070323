"""Objects of a run, made from the configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from lightning.pytorch.callbacks import Callback

from ..lit.learner import Learner
from ..settings import build, idle_options, keys, loggers, longest, training
from ..tasks.base import Task
from . import initial_weights, processes, provenance
from .folder import RunFolder


class Parts(NamedTuple):
    """The objects of a run."""

    cfg: dict[str, Any]
    folder: RunFolder
    learner: Learner
    task: Task
    trainer: lightning.Trainer
    callbacks: dict[type, Any]
    revisions: list[str | None]  # of the code that the run was made with, in their order


def assemble(
    plain: dict[str, Any],
    folder: str | Path,
    done: int = 0,
    environment: processes.Place | None = None,
    extra_callbacks: Sequence[Callback] = (),
) -> Parts:
    """The objects of a run; writes nothing.

    Args:
        plain: the resolved configuration.
        folder: the run folder.
        done: number of updates already made, if the run is resumed.
        environment: of a non-zero-rank process that rank 0 has started; None for rank 0.
        extra_callbacks: callbacks in addition to those of the configuration, which only observe.

    Raises:
        ConfigError: a configuration that cannot be run.
    """
    keys.check_run(plain)
    lightning.seed_everything(plain["seed"], verbose=False)
    task = build.build_task(plain)
    network = build.build_network(plain, task)
    longest.check_task(plain, network, task)
    if not done:
        idle_options.warn(plain["model"], network)
    if plain.get("init_from") is not None and not done:
        initial_weights.load(network, plain["init_from"])
    learner = build.build_learner(plain, task, network)
    callbacks = [*training.build_callbacks(plain, str(folder), learner), *extra_callbacks]
    environment = environment or processes.environment(plain)
    logger = loggers.build(plain, str(folder), done) or False
    trainer = training.build_trainer(plain, str(folder), callbacks, logger, environment)
    processes.check(plain, trainer, learner)
    task.plan(plain["validate_every"] * trainer.accumulate_grad_batches, plain["overfit_batches"])
    by_kind = {type(one): one for one in callbacks}
    return Parts(plain, RunFolder(folder), learner, task, trainer, by_kind, [provenance.git_revision()])
