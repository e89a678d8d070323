"""The objects of a run, made from its configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from lightning.pytorch.callbacks import Callback

from src.lit.learner import Learner
from src.run import processes, provenance
from src.run.folder import RunFolder
from src.settings import build, keys, training
from src.tasks.base import Task


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
    beside: Sequence[Callback] = (),
) -> Parts:
    """The objects of a run; writes nothing.

    Args:
        plain: the resolved configuration.
        folder: where they will write.
        done: updates that were made before.
        environment: of one of several processes that the first has started; None for the first.
        beside: callbacks beside those of the configuration, which look on.

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
    return Parts(plain, RunFolder(folder), learner, task, trainer, by_kind, [provenance.git_revision()])
