"""Metrics on sets beyond the training range, logged during training."""

from collections.abc import Sequence
from typing import Any

import lightning
from lightning.fabric.utilities.apply_func import move_data_to_device
from lightning.pytorch.callbacks import Callback

from ..common import checks
from ..lit.learner import Learner


class Generalisation(Callback):
    """Logs `generalisation/<probe>/<metric>` after every `every`-th validation; no decision depends on it.

    Probes are sets of the task that are separate from the tests, which are used only at the end. They are measured
    after the validation metrics are computed, because both use the same accumulator.

    Args:
        every: number of validations from one measurement to the next.
    """

    def __init__(self, every: int = 4) -> None:
        self.every = checks.integer("every", every)
        self.validations = 0
        self.probes: dict[str, Sequence[Any]] | None = None

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.state.fn != "fit" or not isinstance(pl_module, Learner):
            return
        self.validations += 1
        if not trainer.loggers or (self.validations - 1) % self.every:
            return
        if self.probes is None:
            self.probes = move_data_to_device(pl_module.task.probes(), pl_module.device)
        for probe, batches in self.probes.items():
            measured = pl_module.measure(batches)
            scalars = {
                f"generalisation/{probe}/{metric}": measured[metric] for metric in pl_module.objective.reach
            }
            for logger in trainer.loggers:
                logger.log_metrics(scalars, step=trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.validations = state_dict["validations"]
